#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nibble-convert as its users run it: program_test.py PROGRAM

Checkpoints are written and read by the Python package safetensors where it is installed, else by the
format's two rules."""
import ctypes
import json
import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the tests may run from a tree that is not theirs to write
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "train_lm"))
from exported_model import E2M1, e4m3, f32, read

problems = []


def check(holds, what):
    if not holds:
        problems.append(what)


def save(path, tensors):
    """tensors: {name: (dtype, shape, bytes)}"""
    try:
        import safetensors
        names = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
        place = {name: ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
                 for name, (_, _, data) in tensors.items()}
        safetensors.serialize_file(
            {name: safetensors.TensorSpec(dtype=names[dtype], shape=shape, data_ptr=place[name],
                                          data_len=len(data))
             for name, (dtype, shape, data) in tensors.items()}, str(path))
        return "safetensors " + safetensors.__version__
    except (ImportError, AttributeError):  # or a package from before TensorSpec
        header, at = {}, 0
        for name, (dtype, shape, data) in tensors.items():
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
            at += len(data)
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))
        return "this test"


def run(program, *arguments, expect=0):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    check(done.returncode == expect, f"{arguments}: exit {done.returncode}: {done.stderr}")
    return done


def weights(rows, columns, seed):
    draw = random.Random(seed)
    return struct.pack(f"<{rows * columns}f", *(draw.gauss(0, 1) for _ in range(rows * columns)))


def round_trip(program, folder):
    source = folder / "model.safetensors"
    tensors = {"model.embed.weight": ("F32", [8, 16], weights(8, 16, 1)),
               "layer.up.weight": ("F32", [24, 64], weights(24, 64, 2)),
               "layer.down.weight": ("F32", [16, 32], weights(16, 32, 3)),
               "layer.skip.weight": ("F32", [4, 16], weights(4, 16, 4)),
               "layer.bias": ("F16", [3], b"abcdef")}
    print("checkpoint written by", save(source, tensors))
    for names, codes_name, outer_name in [("modelopt", "weight", "weight_scale_2"),
                                          ("compressed-tensors", "weight_packed", "weight_global_scale")]:
        packed, back = folder / f"{names}.safetensors", folder / f"{names}.back.safetensors"
        done = run(program, "--names", names, "--keep", "*skip*", source, packed)
        check("layer.up.weight" in done.stdout and "24 x 64" in done.stdout, "the table names each tensor")
        check(done.stderr == "", "no bar where there is no terminal")
        made = read(packed.read_bytes())
        check(made["layer.skip.weight"] == tensors["layer.skip.weight"], "--keep keeps")
        check(made["layer.bias"] == tensors["layer.bias"], "a bias stays")
        run(program, "--back", "F32", packed, back)
        restored = read(back.read_bytes())
        check(set(restored) == set(tensors), "the names come back")
        for layer in ["layer.up", "layer.down"]:
            rows, columns = tensors[layer + ".weight"][1]
            codes, scales = made[f"{layer}.{codes_name}"], made[f"{layer}.weight_scale"]
            check(codes[:2] == ("U8", [rows, columns // 2]), "codes are U8")
            check(scales[:2] == ("F8_E4M3", [rows, columns // 16]), "scales are F8_E4M3")
            outer = struct.unpack("<f", made[f"{layer}.{outer_name}"][2])[0]
            values = struct.unpack(f"<{rows * columns}f", restored[layer + ".weight"][2])
            for i, value in enumerate(values):
                code, scale = codes[2][i // 2] >> 4 * (i % 2) & 15, e4m3(scales[2][i // 16])
                step = f32(scale * outer) if names == "modelopt" else f32(scale / outer)
                size = f32(E2M1[code & 7] * step)
                if value != (-size if code & 8 else size):
                    return problems.append(f"{names} {layer}[{i}] is {value}, not {size}")


def hostile(program, folder):
    bad, out = folder / "bad.safetensors", folder / "out.safetensors"
    out.write_bytes(b"what was there")
    good = (folder / "model.safetensors").read_bytes()
    for content in [b"", good[:7], good[:-1], good + b"x", b"\xff" * 64, bytes(64),
                    struct.pack("<Q", 1 << 20) + b"[" * (1 << 20),
                    struct.pack("<Q", 99 << 20) + b"{"]:
        bad.write_bytes(content)
        done = run(program, bad, out, expect=1)
        check(done.stderr.count("\n") == 1, f"one line is said, not {done.stderr!r}")
    for arguments in [["/dev/zero", out], [folder, out], [folder / "none", out], [bad], [bad, out, out],
                      ["--names", "gguf", bad, out], ["--threads", "0", bad, out], ["--back"],
                      [folder / "model.safetensors", folder / "no" / "folder"],
                      [folder / "model.safetensors", "/dev/full"]]:
        run(program, *arguments, expect=1)
    few = subprocess.run([program, folder / "model.safetensors", out], capture_output=True, timeout=120,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    check(few.returncode == 1 and b"File too large" in few.stderr, f"a file that may not grow: {few}")
    reader, writer = os.pipe()
    os.close(reader)
    deaf = subprocess.run([program, folder / "model.safetensors", out], stdout=writer,
                          stderr=subprocess.PIPE, timeout=120)
    os.close(writer)
    check(deaf.returncode == 1 and b"cannot write the table" in deaf.stderr, f"a closed pipe: {deaf}")
    check(out.read_bytes() == b"what was there", "a failure leaves what was there")
    check(not list(folder.glob("out.safetensors.*")), "a failure leaves nothing beside it")


def bounded(program, folder, is_sanitized):
    """Four tensors of 32 MiB: memory must hold one of them, not all, and Ctrl-C leaves nothing."""
    source, out = folder / "large.safetensors", folder / "large.out.safetensors"
    block = weights(64, 1024, 5) * 128
    save(source, {f"l{i}.weight": ("F32", [4096, 2048], block) for i in range(4)})

    def peak(*arguments):
        # From a small process: a child's peak counts what its parent held when it started.
        measure = ("import os, sys; null = os.open(os.devnull, os.O_WRONLY); "
                   "child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, "
                   "file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)]); _, status, usage = os.wait4(child, 0); "
                   "print(usage.ru_maxrss); sys.exit(status != 0)")
        return int(run(sys.executable, "-c", measure, program, *arguments).stdout or 0) / 1024

    least = peak("--help")
    most = peak("--threads", "2", source, out)
    print(f"{source.stat().st_size >> 20} MiB in, {most - least:.0f} MiB of memory above an idle program")
    if not is_sanitized:  # a sanitizer keeps what is freed for a while
        check(20 < most - least < 60, f"memory holds one tensor of 32 MiB: {most - least:.0f} MiB")
    out.write_bytes(b"what was there")
    child = subprocess.Popen([program, "--threads", "1", str(source), str(out)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    child.wait(timeout=60)
    left = {path.name for path in folder.glob("large.out.*")}
    check(left == {"large.out.safetensors"}, f"nothing is left beside the file: {left}")
    check(child.returncode == 0 or out.read_bytes() == b"what was there", "Ctrl-C leaves what was there")


def main(program, is_sanitized):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        round_trip(program, folder)
        hostile(program, folder)
        bounded(program, folder, is_sanitized)
    print("\n".join(problems) or "all good")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], is_sanitized="--sanitized" in sys.argv))
