#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the core as one header and compiles it alone, without warnings; tests/digest built on it must print
the number that it prints on the headers apart.

check.py ROOT COMPILER...
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow",
         "-Werror"]


def output_of(*command):
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{run.stdout}{run.stderr}")
    return run.stdout


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    root, compilers = pathlib.Path(sys.argv[1]), sys.argv[2:]
    expected = (root / "tests/digest/expected.txt").read_text().strip()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        header = folder / "nibble/nibble.hpp"
        header.parent.mkdir()
        header.write_text(output_of(sys.executable, root / "packaging/amalgamate.py"))
        if "nibble/" in "".join(line for line in header.read_text().splitlines() if line.startswith("#include")):
            sys.exit("the one header includes another")
        # Copies, so that nothing of the checkout is near.
        source = shutil.copy(root / "tests/digest/digest.cpp", folder)
        shutil.copy(root / "tests/digest/corpus.hpp", folder)
        for compiler in compilers:
            program = folder / "digest"
            output_of(compiler, *FLAGS, "-I", folder, source, "-o", program)
            digest = output_of(program).strip()
            print(f"{compiler}: {digest}")
            failed |= digest != expected
    if failed:
        print(f"expected {expected}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
