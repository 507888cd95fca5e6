#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program as its users call it: what it writes, what it refuses, and that it can be interrupted."""
import argparse
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

import exported_model

PROBLEMS = []
CHECKED = 0


def check(holds, what):
    global CHECKED
    CHECKED += 1
    if not holds:
        PROBLEMS.append(what)


def text(size):
    words = ["in", "the", "beginning", "was", "word", "and", "light", "of", "men", "darkness"]
    state, out = 1, []
    while sum(map(len, out)) + len(out) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(words[(state >> 40) % len(words)])
    return " ".join(out)


class Program:
    def __init__(self, path, folder):
        self.path, self.folder = path, pathlib.Path(folder)

    def command(self, *arguments):
        return [self.path, "--text", "text.txt", *arguments]

    def run(self, *arguments):
        return subprocess.run(self.command(*arguments), cwd=self.folder, capture_output=True,
                              text=True, errors="replace", timeout=300)

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()

    def refuses(self, what, *arguments):
        """Exit 2, one line that says `what`, and no file touched."""
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        ended = self.run(*arguments)
        name = " ".join(arguments)
        check(ended.returncode == 2, f"{name}: exit {ended.returncode}, not 2")
        lines = ended.stderr.strip().splitlines()
        check(len(lines) == 1 and what in lines[0], f"{name}: says {ended.stderr!r}, not {what!r}")
        check(ended.stdout == "", f"{name}: prints {ended.stdout!r}")
        after = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        check(before == after, f"{name}: touched a file")


def runs(program):
    steps = ["--steps", "4", "--recipe", "bf16,nvfp4"]
    ended = program.run(*steps, "--out", "one", "--threads", "1", "--save", "one.st", "--export",
                        "exported")
    check(ended.returncode == 0, f"a plain run: {ended.stderr}")
    table = [line for line in ended.stdout.splitlines() if line.startswith("| ")]
    check([line.split()[1] for line in table] == ["recipe", "bf16", "nvfp4"], "the table's rows")
    csv = program.bytes_of("one/loss.csv").decode().splitlines()
    check(csv[0] == "step,bf16.1,nvfp4.1" and len(csv) == 5, "loss.csv")
    for name, start in [("loss.svg", b"<svg"), ("report.md", b""), ("samples.txt", b"== bf16")]:
        content = program.bytes_of(f"one/{name}")
        check(content.startswith(start) and len(content) > 100, name)
    exports(program)

    for mode in ["fast", "exact"]:
        saved = []
        for threads in ["1", "2"]:
            name = f"{mode}{threads}.st"
            ended = program.run("--steps", "3", "--recipe", "nvfp4", "--products", mode, "--threads",
                                threads, "--out", "two", "--save", name)
            check(ended.returncode == 0, f"{mode} on {threads} threads: {ended.stderr}")
            saved.append(program.bytes_of(name))
        check(saved[0] == saved[1], f"{mode}: threads change the weights")
    check(program.bytes_of("fast1.st") != program.bytes_of("exact1.st"), "modes cannot be told apart")
    on_a_gpu(program)


def on_a_gpu(program):
    """Exact products on a GPU: the weights of the host, byte for byte; without a GPU, a line and exit 2."""
    asked = ["--steps", "3", "--recipe", "nvfp4", "--device", "cuda"]
    ended = program.run(*asked, "--products", "exact", "--out", "two", "--save", "gpu.st")
    if ended.returncode == 2:
        check("no CUDA device" in ended.stderr or "without CUDA" in ended.stderr,
              f"no GPU: says {ended.stderr!r}")
        program.refuses("--device cuda: ", *asked)
        return
    check(ended.returncode == 0, f"on a GPU: {ended.stderr}")
    weights = [{name: each for name, each in exported_model.read(program.bytes_of(file)).items()
                if "/run." not in name} for file in ["gpu.st", "exact1.st"]]
    check(len(weights[0]) > 10 and weights[0] == weights[1], "a GPU changes the weights")
    program.refuses("bf16, fp8 and nvfp4", "--recipe", "mxfp4", "--device", "cuda")


def exports(program):
    """A folder for each run, with the weights that the run ended with."""
    saved = exported_model.read(program.bytes_of("one.st"))
    folders = sorted(path.name for path in (program.folder / "exported").iterdir())
    check(folders == ["bf16.1", "nvfp4.1"], f"exported: {folders}")
    for run in folders:
        masters = {name.removeprefix(run + "/"): each for name, each in saved.items()
                   if name.startswith(run + "/") and "/run." not in name
                   and not name.endswith((".mean", ".square"))}
        files = [program.bytes_of(f"exported/{run}/{name}")
                 for name in ["model.safetensors", "config.json", "hf_quant_config.json"]]
        tensors = exported_model.read(files[0])
        for problem in exported_model.problems_of(tensors, *map(json.loads, files[1:]), masters):
            check(False, f"the export of {run}: {problem}")
        check(sum(each[0] == "U8" for each in tensors.values()) == 6, f"{run}: six layers of NVFP4")


def without_speed(report):
    """A report but for the last column of its first table, tokens a second."""
    return [line.rsplit("|", 2)[0] if line.count("|") == 10 else line for line in report.splitlines()]


def interrupted(program, *arguments, first=lambda: None):
    """Runs until training has begun, then does what is to happen first, then Ctrl-C: exit, stderr."""
    running = subprocess.Popen(program.command(*arguments), cwd=program.folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = []
    for line in running.stderr:
        said.append(line)
        if "loss" in line:  # the first line of progress
            break
    first()
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    return running.wait(timeout=120), "".join(said) + running.stderr.read()


def interruption(program):
    task = ["--steps", "60", "--recipe", "nvfp4"]
    whole = program.run(*task, "--out", "whole", "--save", "whole.st")
    check(whole.returncode == 0, f"the whole run: {whole.stderr}")
    status, rest = interrupted(program, *task, "--out", "part", "--save", "part.st")
    check(status == 130, f"Ctrl-C: exit {status}")
    check("--resume part.st" in rest, f"Ctrl-C: says {rest!r}")
    check(not (program.folder / "part").exists() or not list((program.folder / "part").iterdir()),
          "a stopped run writes results")
    ended = program.run(*task, "--out", "resumed", "--resume", "part.st", "--save", "resumed.st",
                        "--threads", "1")
    check(ended.returncode == 0, f"resumed: {ended.stderr}")
    check(program.bytes_of("resumed.st") == program.bytes_of("whole.st"),
          "a stopped and resumed run is another run")
    check(program.bytes_of("part.st") != program.bytes_of("whole.st"), "it was not stopped early")
    for name in ["loss.csv", "loss.svg", "samples.txt"]:
        check(program.bytes_of(f"resumed/{name}") == program.bytes_of(f"whole/{name}"),
              f"a stopped and resumed run writes another {name}")
    reports = [without_speed(program.bytes_of(f"{name}/report.md").decode())
               for name in ["whole", "resumed"]]
    check(reports[0] == reports[1], f"a stopped and resumed run ends with another table: {reports}")
    check("| nvfp4 | " in "".join(reports[0]) and "%" in reports[0][-1], "the tables are compared")


def fill(folder):
    """Takes what room is left."""
    with open(folder / "filler", "wb", buffering=0) as filler:
        for size in [1 << 16, 1 << 12, 1]:
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                pass


def filled_disk(program):
    """Ctrl-C on a disk that something else has filled since the start: saved all the same."""
    disk = program.folder / "disk"
    disk.mkdir()
    size = 2 * len(program.bytes_of("whole.st"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)],
                             capture_output=True, check=False)
    if mounted.returncode != 0:
        print("not root: a disk that fills up is not tried")
        return
    try:
        task = ["--steps", "60", "--recipe", "nvfp4"]
        stopped = interrupted(program, *task, "--out", "disk/out", "--save", "disk/part.st",
                              first=lambda: fill(disk))
        check(stopped[0] == 130 and "--resume disk/part.st" in stopped[1],
              f"Ctrl-C on a full disk: exit {stopped[0]}, says {stopped[1]!r}")
        names = sorted(path.name for path in disk.iterdir())
        check(names == ["filler", "out", "part.st"], f"Ctrl-C on a full disk leaves {names}")
        ended = program.run(*task, "--out", "resumed", "--resume", "disk/part.st", "--save",
                            "resumed.st")
        check(ended.returncode == 0, f"resumed from a full disk: {ended.stderr}")
        check(program.bytes_of("resumed.st") == program.bytes_of("whole.st"),
              "a run stopped on a full disk and resumed is another run")
        program.refuses("cannot reserve", "--steps", "4", "--save", "disk/other.st")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        program.refuses("Read-only file system", "--steps", "4", "--save", "disk/other.st")
        program.refuses("cannot make the folder disk/new", "--steps", "4", "--out", "disk/new")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def full_disk(program):
    """A disk without room is told before anyone waits; one that fills up meanwhile loses nothing."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    arguments = program.command("--steps", "4", "--recipe", "bf16", "--out", "one", "--save", "one.st")
    before = {path: path.read_bytes() for path in program.folder.rglob("*") if path.is_file()}
    ended = subprocess.run(arguments, cwd=program.folder, capture_output=True, text=True,
                           errors="replace", timeout=300, preexec_fn=limit)
    check(ended.returncode == 2, f"no room: exit {ended.returncode}")
    check(len(ended.stderr.splitlines()) == 1 and "cannot reserve" in ended.stderr
          and "for one.st" in ended.stderr, f"no room: says {ended.stderr!r}")
    after = {path: path.read_bytes() for path in program.folder.rglob("*") if path.is_file()}
    check(before == after, "no room: touched a file")
    filled_disk(program)
    with open("/dev/full", "w", encoding="ascii") as full:
        ended = subprocess.run(program.command("--help"), stdout=full, stderr=subprocess.PIPE,
                               text=True, timeout=60)
    check(ended.returncode == 2 and "standard output" in ended.stderr, "nobody reads what is printed")
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(program.command("--help"), stdout=writer, stderr=subprocess.PIPE, text=True,
                           timeout=60)
    os.close(writer)
    check(ended.returncode == 2 and "standard output" in ended.stderr, "a closed pipe is an error")


def refusals(program):
    refuses = program.refuses
    refuses("there are: bf16 fp8 nvfp4", "--recipe", "nvfp5")
    refuses("there are:", "--recipe", "bf16,")
    refuses("twice", "--recipe", "bf16,bf16")
    refuses("cannot read /no/such/file", "--text", "/no/such/file")
    refuses("cannot read /", "--text", "/")
    refuses("too short", "--text", "short.txt")
    refuses("--steps takes a whole number", "--steps", "0")
    refuses("--steps takes a whole number", "--steps", "ten")
    refuses("--seeds takes a whole number", "--seeds", "-1")
    refuses("--rate takes a number", "--rate", "fast")
    refuses("--threads takes a whole number", "--threads", "0")
    refuses("exact or fast", "--products", "slow")
    refuses("cpu or cuda", "--device", "gpu")
    refuses("takes a value", "--save")
    refuses("unknown option", "--recipes", "bf16")
    refuses("cannot make the folder", "--out", "text.txt")
    refuses("cannot write /no/such/folder/file", "--save", "/no/such/folder/file")
    refuses("it is a folder", "--save", "one")
    refuses("/dev/full: it is not a file", "--save", "/dev/full")
    refuses("it is the text to train on", "--save", "text.txt")
    refuses("cannot make the folder", "--out", "/proc/results")
    refuses("cannot make the folder", "--export", "text.txt")
    refuses("cannot write /proc/", "--export", "/proc")
    steps = ["--steps", "4", "--recipe", "bf16,nvfp4"]
    refuses("its steps is", "--steps", "5", "--recipe", "bf16,nvfp4", "--resume", "one.st")
    refuses("its products is", *steps, "--products", "exact", "--resume", "one.st")
    refuses("none of these runs", "--steps", "4", "--recipe", "bf16", "--resume", "one.st")
    refuses("none of these runs", *steps, "--resume", "exported/nvfp4.1/model.safetensors")
    refuses("not a valid safetensors file", *steps, "--resume", "text.txt")
    damaged = bytearray(program.bytes_of("one.st"))
    damaged[20] ^= 0xFF
    (program.folder / "damaged.st").write_bytes(damaged)
    refuses("not a valid safetensors file", *steps, "--resume", "damaged.st")
    flipped = bytearray(program.bytes_of("one.st"))
    flipped[len(flipped) // 2] ^= 1
    (program.folder / "flipped.st").write_bytes(flipped)
    refuses("damaged", *steps, "--resume", "flipped.st")
    (program.folder / "cut.st").write_bytes(program.bytes_of("one.st")[:-100])
    refuses("not a valid safetensors file", *steps, "--resume", "cut.st")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    with tempfile.TemporaryDirectory() as folder:
        program = Program(parser.parse_args().program, folder)
        (program.folder / "text.txt").write_text(text(60_000))
        (program.folder / "short.txt").write_text("too short")
        shown = program.run("--help")
        check(shown.returncode == 0 and "--resume FILE" in shown.stdout, "--help")
        runs(program)
        interruption(program)
        full_disk(program)
        refusals(program)
    for problem in PROBLEMS:
        print(f"FAILED: {problem}")
    print(f"{CHECKED - len(PROBLEMS)} passed, {len(PROBLEMS)} failed")
    sys.exit(1 if PROBLEMS else 0)


if __name__ == "__main__":
    main()
