#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the module, and tests/digest with `import nibble;` in one unit and the header in another: both must
print the number that the headers print.

check.py ROOT COMPILER...
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-std=c++20", "-O1"]


def run(folder, *command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=folder)
    if result.returncode != 0 or result.stderr:
        sys.exit(f"{' '.join(map(str, command))}:\n{result.stdout}{result.stderr}")
    return result.stdout


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    root, compilers = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    expected = (root / "tests/digest/expected.txt").read_text().strip()
    text = (root / "tests/digest/digest.cpp").read_text()
    include = "#include <nibble/nibble.hpp>\n"
    if text.count(include) != 1 or text.count("int main() {") != 1:
        sys.exit("tests/digest/digest.cpp does not look as it did")
    failed = False
    for compiler in compilers:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            shutil.copy(root / "tests/digest/corpus.hpp", folder)
            (folder / "importing.cpp").write_text(
                text.replace(include, "#include <cstdint>\nimport nibble;\n")
                    .replace("int main() {", "void including();\nint main() {\n  including();"))
            (folder / "including.cpp").write_text(text.replace("int main() {", "void including() {"))
            module = root / "include/nibble/nibble.cppm"
            headers = ["-I", root / "include"]
            if "clang" in os.path.basename(compiler):
                run(folder, compiler, *FLAGS, *headers, "--precompile", module, "-o", "nibble.pcm")
                run(folder, compiler, *FLAGS, "-fprebuilt-module-path=.", "-c", "importing.cpp")
            else:
                run(folder, compiler, *FLAGS, *headers, "-fmodules-ts", "-x", "c++", "-c", module, "-o", "nibble.o")
                run(folder, compiler, *FLAGS, "-fmodules-ts", "-c", "importing.cpp")
            run(folder, compiler, *FLAGS, *headers, "-c", "including.cpp")
            unit = "nibble.pcm" if "clang" in os.path.basename(compiler) else "nibble.o"
            run(folder, compiler, "importing.o", "including.o", unit, "-o", "digest")
            digests = run(folder, "./digest").split()
            print(f"{compiler}: {digests[1]} imported, {digests[0]} included")
            failed |= digests != [expected, expected]
    if failed:
        print(f"expected {expected}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
