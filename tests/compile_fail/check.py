#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a file compiles, and that with NIBBLE_BREAK it fails with the message it promises.

check.py --include DIR [--cccl DIR]... FILE COMPILER...
check.py --self-test COMPILER...

FILE has one or more lines `// expect: REGEX`; each must be found in the output of every compiler. A line
`// expect first: REGEX` must be found in the first error that a user sees.
The misuse stands between `#ifdef NIBBLE_BREAK` and `#endif`; the rest is the twin that compiles.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile


def problems(source, compiler, includes, cccl):
    text = source.read_text()
    expected = re.findall(r"^// expect: (.+)$", text, re.MULTILINE)
    first = re.findall(r"^// expect first: (.+)$", text, re.MULTILINE)
    if not expected and not first:
        return ["has no line '// expect: REGEX'"]
    if "#ifdef NIBBLE_BREAK" not in text:
        return ["has no '#ifdef NIBBLE_BREAK'"]
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{folder}" for folder in includes]
    command += [word for folder in cccl for word in ("-isystem", folder)]
    intact = subprocess.run([*command, str(source)], capture_output=True, text=True)
    if intact.returncode != 0:
        return [f"does not compile without NIBBLE_BREAK:\n{intact.stderr}"]
    broken = subprocess.run([*command, "-DNIBBLE_BREAK", str(source)], capture_output=True, text=True)
    if broken.returncode == 0:
        return ["compiles with NIBBLE_BREAK"]
    errors = [line for line in broken.stderr.splitlines() if re.search(r"\berror:", line)]
    return [f"fails with NIBBLE_BREAK, but not {where}with /{regex}/:\n{broken.stderr}"
            for where, regexes, lines in (("", expected, broken.stderr), ("first ", first, errors[0]))
            for regex in regexes if not re.search(regex, lines)]


SELF_TEST = {
    "good": ("// expect: nine\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n#endif\n", None),
    "no_expect": ("#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n#endif\n", "has no line"),
    "no_break": ("// expect: nine\n", "has no '#ifdef"),
    "never_compiles": ("// expect: nine\n#ifdef NIBBLE_BREAK\n#endif\nstatic_assert(false, \"nine\");\n",
                       "does not compile without"),
    "always_compiles": ("// expect: nine\n#ifdef NIBBLE_BREAK\nint unused();\n#endif\n", "compiles with"),
    "good_first": ("// expect first: nine\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n"
                   "static_assert(false, \"ten\");\n#endif\n", None),
    "late": ("// expect first: ten\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"nine\");\n"
             "static_assert(false, \"ten\");\n#endif\n", "but not first with"),
    "other_message": ("// expect: nine\n#ifdef NIBBLE_BREAK\nstatic_assert(false, \"ten\");\n#endif\n",
                      "but not with"),
}


def self_test(compilers):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            for name, (text, complaint) in SELF_TEST.items():
                source = pathlib.Path(folder) / f"{name}.cpp"
                source.write_text(text)
                found = problems(source, compiler, [], [])
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
        for problem in problems(pathlib.Path(source), compiler, options.include, options.cccl):
            print(f"{compiler}: {source} {problem}")
            failed = True
    return 1 if failed or not compilers else 0


if __name__ == "__main__":
    sys.exit(main())
