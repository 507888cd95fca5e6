#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first training step quantizes the same tensors under every compiler.

first_step.cpp prints a digest of each quantized tensor of a first step with exact products. All of
them must agree between compilers that build for the same processor. The forward pass must also agree
between processors, vectorised or not: only from the gradient of the head on, Eigen's own products
(with or without fused multiply-add) may part builds for different processors.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent / "first_step.cpp"
BUILDS = [("g++", []), ("clang++", []), ("g++", ["-march=native"]), ("clang++", ["-march=native"])]


def lines_of(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True,
                          check=True).stdout.splitlines()


def first_difference(one, other):
    """The first line that differs, or None."""
    for a, b in zip(one, other):
        if a != b:
            return a
    return None if len(one) == len(other) else "the number of lines"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--system", action="append", default=[])
    options = parser.parse_args()
    flags = ["-std=c++20", "-O2", "-ffp-contract=off", "-DNDEBUG",
             *(f"-I{path}" for path in options.include),
             *(f"-isystem{path}" for path in options.system)]
    problems, by_processor, program = [], {}, None
    with tempfile.TemporaryDirectory() as folder:
        for number, (compiler, extra) in enumerate(BUILDS):
            if shutil.which(compiler) is None:
                print(f"{compiler}: not installed")
                continue
            program = str(pathlib.Path(folder) / f"first_step_{number}")
            launcher = ["ccache"] if shutil.which("ccache") else []
            made = subprocess.run([*launcher, compiler, *flags, *extra, "-o", program, str(SOURCE)],
                                  capture_output=True, text=True)
            if made.returncode != 0:
                sys.exit(made.stderr)
            by_processor.setdefault(tuple(extra), []).append((compiler, lines_of(program)))
        if program is None:
            sys.exit("no compiler is installed")
        other_seed = lines_of(program, "2")
    every = [build for builds in by_processor.values() for build in builds]
    reference = every[0][1]
    forward = [line for line in reference if not line.endswith("dy")]
    print(f"{len(reference)} tensors, {len(forward)} of them in the forward pass")
    if len(forward) != 24 or len(reference) != 40 or len(set(reference)) != 40:
        problems.append("the first step does not have the 40 tensors that it should have")
    for processor, builds in by_processor.items():
        for compiler, lines in builds:
            name = " ".join([compiler, *processor])
            difference = first_difference(builds[0][1], lines)
            if difference:
                problems.append(f"{name} parts from {builds[0][0]} at: {difference}")
            difference = first_difference(forward, [line for line in lines if not line.endswith("dy")])
            if difference:
                problems.append(f"{name} parts from {every[0][0]} in the forward pass: {difference}")
            elsewhere = first_difference(reference, lines)
            print(f"{name}: " + (f"parts at {elsewhere}" if elsewhere else "agrees"))
    if any(a == b for a, b in zip(reference, other_seed)):
        problems.append("another seed gives a tensor with the same digest: this check proves nothing")
    for text in problems:
        print(f"FAILED: {text}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
