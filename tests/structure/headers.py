#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bugs: G9
"""Compiles every header alone and included twice, with all warnings as errors.

headers.py ROOT --compiler g++ [--cccl DIR]... [--cuda DIR]   the .hpp files, with a host compiler
headers.py ROOT --nvcc nvcc [--host g++]                      the .cuh files, with nvcc, and those .hpp files that
                                                              have an #if: the others read the same to a host
                                                              compiler, and all together are tests too
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check  # the layer table lives there

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wswitch-enum",
            "-Werror"]


def host_command(options, header, needs):
    command = [options.compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", "-", *WARNINGS]
    command += ["-I", str(options.root / "include")]
    for need in needs:
        for folder in options.available[need]:
            command += ["-isystem", folder]
    level = check.layer_of(header)
    if level is not None and level.number <= 5 and not level.is_view:
        command += ["-fno-exceptions", "-fno-rtti"]
    return command


def nvcc_command(options, source):
    # To PTX: nvcc reads all of a header for that, and the host's half, four fifths of the time, has
    # been compiled by itself.
    command = [options.nvcc, "-std=c++20", "-arch=sm_90a", "-ptx", "-o", os.devnull, str(source)]
    command += ["-Werror", "all-warnings", "-I", str(options.root / "include")]
    if options.host:
        command += ["-ccbin", options.host]
    return command


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--compiler")
    parser.add_argument("--nvcc")
    parser.add_argument("--host")
    parser.add_argument("--cccl", action="append", default=[])
    parser.add_argument("--cuda", action="append", default=[])
    options = parser.parse_args()
    options.available = {"CCCL": options.cccl, "CUDA headers": options.cuda}
    include = options.root / "include"
    patterns = ["*.hpp", "*.cuh"] if options.nvcc else ["*.hpp"]
    headers = sorted(h for pattern in patterns for h in (include / "nibble").rglob(pattern))
    if options.nvcc:
        headers = [h for h in headers if h.suffix == ".cuh" or re.search(r"^ *# *if", h.read_text(), re.MULTILINE)]
    if not headers:
        sys.exit(f"no headers below {include}")

    left_out = []

    def compile_one(header):
        name = header.relative_to(include).as_posix()
        text = f"#include <{name}>\n#include <{name}>\n"
        if options.compiler:
            needs = check.needs_of(header, include)
            missing = sorted(need for need in needs if not options.available[need])
            if missing:
                left_out.append(f"{name}, needs {' and '.join(missing)}")
                return name, 0, ""
            run = subprocess.run(host_command(options, header.relative_to(include / "nibble"), needs),
                                 input=text, capture_output=True, text=True)
        else:
            with tempfile.TemporaryDirectory() as folder:
                source = pathlib.Path(folder) / "alone.cu"
                source.write_text(text)
                run = subprocess.run(nvcc_command(options, source), capture_output=True, text=True)
        # Also what a compiler only says (nvcc does not make an error of every remark) counts.
        output = run.stdout + run.stderr
        return name, run.returncode or (1 if output.strip() else 0), output

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(compile_one, headers))
    failed = [(name, output) for name, code, output in results if code]
    for name, output in failed:
        print(f"--- {name} alone:\n{output}")
    for name in left_out:
        print(f"left out: {name}")
    print(f"{len(headers) - len(failed) - len(left_out)} headers compile alone, {len(failed)} do not")
    return 1 if failed or len(left_out) == len(headers) else 0


if __name__ == "__main__":
    sys.exit(main())
