#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts machine instructions of kernels.cu for targets that need not be here.

A Blackwell build must use its conversions, a Hopper build must do without; no kernel may spill to local
memory or compute in double; and none may grow beyond the length written down below.
--self-test: a kernel that spills, divides in double and is too long is reported for each of them.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

NEAREST = r"F2FP\S*\.E2M1\.F32(?!\S*\.RS)"  # two elements
STOCHASTIC = r"F2FP\S*\.E2M1\.F32\S*\.RS"  # two elements: cvt.rs of four is two of them
E4M3 = r"F2FP\S*\.E4M3\.F32"
LOCAL = r"(LDL|STL)\b"
WIDE = r"LDG\S*\.256"  # 32 bytes at once: the 16 bf16 of a block
DOUBLE = r"(DADD|DMUL|DFMA|DSETP|F2F\.F64|F2F\.F32\.F64|I2F\.F64|F2I\.F64|MUFU\.RCP64H)"

# kernel -> target -> what it must hold: the conversions of a block of 16, and the instructions that nvcc 13.0 makes (the
# slow path of the division and the prologue counted), of which a tenth more are allowed.
EXPECTED = {
    "quantize_nearest": {
        "90a": {"wide": 0, "nearest": 0, "e4m3": 1, "made": 434},
        "100a": {"wide": 1, "nearest": 8, "e4m3": 1, "made": 260},
        "103a": {"wide": 1, "nearest": 8, "e4m3": 1, "made": 260},
        "110a": {"wide": 1, "nearest": 8, "e4m3": 1, "made": 258},
        "120a": {"wide": 1, "nearest": 8, "e4m3": 1, "made": 266},
        "121a": {"wide": 1, "nearest": 8, "e4m3": 1, "made": 266},
    },
    "quantize_stochastic": {  # the rule of equal bytes, so never the instruction
        "90a": {"wide": 0, "nearest": 0, "stochastic": 0, "e4m3": 1, "made": 579},
        "100a": {"wide": 1, "nearest": 0, "stochastic": 0, "e4m3": 1, "made": 565},
        "103a": {"wide": 1, "nearest": 0, "stochastic": 0, "e4m3": 1, "made": 565},
        "110a": {"wide": 1, "nearest": 0, "stochastic": 0, "e4m3": 1, "made": 612},
        "120a": {"wide": 1, "nearest": 0, "stochastic": 0, "e4m3": 1, "made": 620},
        "121a": {"wide": 1, "nearest": 0, "stochastic": 0, "e4m3": 1, "made": 620},
    },
    "quantize_by_hardware": {  # opted in: where there is the instruction, it is used
        "90a": {"wide": 0, "stochastic": 0, "made": 579},
        "100a": {"wide": 1, "stochastic": 8, "e4m3": 1, "made": 335},
        "103a": {"wide": 1, "stochastic": 8, "e4m3": 1, "made": 335},
        "110a": {"wide": 1, "stochastic": 0, "made": 612},
        "120a": {"wide": 1, "stochastic": 0, "made": 620},
        "121a": {"wide": 1, "stochastic": 0, "made": 620},
    },
    "dequantize_blocks": {
        "90a": {"made": 170},
        "100a": {"made": 173},
        "103a": {"made": 173},
        "110a": {"made": 169},
        "120a": {"made": 170},
        "121a": {"made": 170},
    },
}
TARGETS = tuple(EXPECTED["quantize_nearest"])


def instructions(text):
    """kernel -> its instructions, from the listing of nvdisasm."""
    kernels, current = {}, None
    for line in text.splitlines():
        section = re.match(r"\s*\.section\s+\.text\.([A-Za-z_]\w*)", line)
        if section:
            current = kernels.setdefault(section.group(1), [])
        found = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*[^;]*);", line)
        if found and current is not None and not found.group(1).startswith("NOP"):
            current.append(found.group(1))
    return kernels


def count(kernel, pattern):
    return sum(1 for one in kernel if re.match(pattern, one))


def problems_of(kernel, expected):
    """What is wrong with a kernel, as texts."""
    for name, pattern in (("nearest", NEAREST), ("stochastic", STOCHASTIC), ("e4m3", E4M3), ("wide", WIDE)):
        got = count(kernel, pattern)
        if got != expected.get(name, got):
            yield f"{got} conversions or loads of kind {name}, need {expected[name]}"
    if count(kernel, LOCAL):
        yield f"{count(kernel, LOCAL)} accesses to local memory, need none"
    if count(kernel, DOUBLE):
        yield f"{count(kernel, DOUBLE)} instructions in double, need none"
    if 10 * len(kernel) > 11 * expected["made"]:
        yield f"{len(kernel)} instructions, need at most a tenth more than {expected['made']}"


class Tools:
    def __init__(self, options, folder):
        self.nvcc, self.include, self.folder = options.nvcc, options.include, pathlib.Path(folder)
        beside = pathlib.Path(options.nvcc).resolve().parent / "nvdisasm"
        self.nvdisasm = (options.nvdisasm or os.environ.get("NIBBLE_NVDISASM")
                         or shutil.which("nvdisasm") or (str(beside) if beside.exists() else None))

    def kernels(self, source, target):
        cubin = self.folder / f"{source.stem}_{target}.cubin"
        for command in ([self.nvcc, "-std=c++20", "-O3", f"-I{self.include}", f"-arch=sm_{target}",
                         "-cubin", "-o", str(cubin), str(source)],
                        [self.nvdisasm, "-c", str(cubin)]):
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                sys.exit(f"{' '.join(command)}\n{run.stdout}{run.stderr}")
        return instructions(run.stdout)


BAD = """
extern "C" __global__ void bad(double const* in, int const* order, double* out) {
  double values[64];
  for (int i = 0; i < 64; ++i) values[i] = in[i] / in[i + 1];
  for (int i = 0; i < 64; ++i) out[i] = values[order[i]];
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--include", required=True)
    parser.add_argument("--nvdisasm")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--table", action="store_true", help="print counts as Markdown instead of checking")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(options, folder)
        if tools.nvdisasm is None:
            print("skipped: no nvdisasm; pip install nvidia-cuda-nvdisasm brings it, NIBBLE_NVDISASM names it")
            return 0
        if options.self_test:
            source = pathlib.Path(folder) / "bad.cu"
            source.write_text(BAD)
            found = list(problems_of(tools.kernels(source, "90a")["bad"], {"nearest": 8, "made": 90}))
            print("\n".join(found))
            print(f"{len(found)} of 4 problems seen")
            return 0 if len(found) == 4 else 1
        wrong, checked = [], 0
        if options.table:
            print("| kernel | target | instructions | e2m1 | e2m1, stochastic | e4m3 |\n|---|---|---|---|---|---|")
        for target in TARGETS:
            kernels = tools.kernels(HERE / "kernels.cu", target)
            for name, by_target in EXPECTED.items():
                kernel = kernels[name]
                if options.table:
                    print(f"| {name} | sm_{target} | {len(kernel)} | {count(kernel, NEAREST)} | "
                          f"{count(kernel, STOCHASTIC)} | {count(kernel, E4M3)} |")
                checked += 1
                wrong += [f"{name}, sm_{target}: {text}" for text in problems_of(kernel, by_target[target])]
    for text in wrong:
        print(f"FAILED: {text}")
    print(f"{checked} kernels checked, {len(wrong)} problems")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
