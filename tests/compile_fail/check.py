#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a file compiles, and that with NIBBLE_BREAK it fails with the message it promises.

check.py --include DIR [--cccl DIR]... FILE COMPILER...
check.py --self-test COMPILER...

FILE has a line `// expect: REGEX`, which must be found in the first error that a user of either compiler sees,
and may have lines `// expect also: REGEX`, which must be found somewhere.
The misuse stands between `#ifdef NIBBLE_BREAK` and `#endif`; the rest is the twin that compiles, with the
first of the compilers.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def problems(source, compiler, includes, cccl, check_twin):
    text = source.read_text()
    first = re.findall(r"^// expect: (.+)$", text, re.MULTILINE)
    later = re.findall(r"^// expect also: (.+)$", text, re.MULTILINE)
    if len(first) != 1:
        return [f"has {len(first)} lines '// expect: REGEX', needs one"]
    if "#ifdef NIBBLE_BREAK" not in text:
        return ["has no '#ifdef NIBBLE_BREAK'"]
    if source.suffix == ".cu":  # the device's half is enough, and half the time
        command = [compiler, "-std=c++20", "-arch=sm_90a", "-ptx", "-o", os.devnull]
    else:
        command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{folder}" for folder in includes]
    command += [word for folder in cccl for word in ("-isystem", folder)]
    if check_twin:
        intact = subprocess.run([*command, str(source)], capture_output=True, text=True)
        if intact.returncode != 0:
            return [f"does not compile without NIBBLE_BREAK:\n{intact.stderr}"]
    broken = subprocess.run([*command, "-DNIBBLE_BREAK", str(source)], capture_output=True, text=True)
    if broken.returncode == 0:
        return ["compiles with NIBBLE_BREAK"]
    error = next(line for line in broken.stderr.splitlines() if re.search(r"\berror:", line))
    return [f"fails with NIBBLE_BREAK, but not {where} /{regex}/:\n{broken.stderr}"
            for where, regexes, lines in (("first with", first, error), ("with", later, broken.stderr))
            for regex in regexes if not re.search(regex, lines)]


SELF_TEST = {
    "good": ("// expect: nine\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n#endif\n", None),
    "no_expect": ("#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n#endif\n", "has 0 lines"),
    "two_expect": ("// expect: nine\n// expect: nine\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n#endif\n",
                   "has 2 lines"),
    "no_break": ("// expect: nine\n", "has no '#ifdef"),
    "never_compiles": ("// expect: nine\n#ifdef NIBBLE_BREAK\n#endif\nstatic_assert(false, \"nine\");\n",
                       "does not compile without"),
    "always_compiles": ("// expect: nine\n#ifdef NIBBLE_BREAK\nint unused();\n#endif\n", "compiles with"),
    "good_also": ("// expect: nine\n// expect also: ten\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n"
                  "static_assert(false, \"ten\");\n#endif\n", None),
    "late": ("// expect: ten\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n"
             "static_assert(false, \"ten\");\n#endif\n", "but not first with"),
    "other_message": ("// expect: nine\n// expect also: ten\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n"
                      "#endif\n", "but not with"),
}


def self_test(compilers):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            for name, (text, complaint) in SELF_TEST.items():
                source = pathlib.Path(folder) / f"{name}.cpp"
                source.write_text(text)
                found = problems(source, compiler, [], [], True)
                ok = not found if complaint is None else bool(found) and complaint in found[0]
                if not ok:
                    wrong += 1
                    print(f"{compiler}: {name}: expected {complaint!r}, got {found}")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--cccl", action="append", default=[])
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    if options.self_test:
        return self_test(options.words)
    source, *compilers = options.words
    failed = False
    for compiler in compilers:
        is_first = compiler == compilers[0]
        for problem in problems(pathlib.Path(source), compiler, options.include, options.cccl, is_first):
            print(f"{compiler}: {source} {problem}")
            failed = True
    return 1 if failed or not compilers else 0


if __name__ == "__main__":
    sys.exit(main())
