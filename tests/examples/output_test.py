#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs an example and compares what it prints with its last comment: output_test.py PROGRAM SOURCE"""
import pathlib
import subprocess
import sys


def last_comment(text):
    """The comment lines at the end of a file, without their slashes and the README's marker."""
    lines = []
    for line in reversed(text.rstrip("\n").removesuffix("// [/readme]").rstrip("\n").split("\n")):
        if not line.startswith("//"):
            break
        lines.insert(0, line.removeprefix("//").removeprefix(" "))
    return lines


def main(program, source):
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    print(done.stdout + done.stderr, end="")
    if done.returncode == 77:
        return 77  # no CUDA device
    if done.returncode != 0:
        print(f"exit {done.returncode}")
        return 1
    stated = last_comment(pathlib.Path(source).read_text())
    if [line.rstrip() for line in done.stdout.rstrip("\n").split("\n")] == [line.rstrip() for line in stated]:
        return 0
    print(f"that is not what the last comment of {source} says:", *stated, sep="\n  ")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
