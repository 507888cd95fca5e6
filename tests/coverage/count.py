#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the lines and branches of headers that programs run.

count.py --headers FOLDER PROGRAM...   runs the programs, doctest's cases of a million left out, and counts
count.py --self-test                   counts a small header of its own, of which every number is known

The programs are built by clang++ with -fprofile-instr-generate -fcoverage-mapping. What counts is the source
as it is written: a line with code is one line, and a condition has two branches, true and false; whatever
program and whatever instance of a template runs them, runs them. A condition that is decided when a template
is compiled has no branches there, and what only the compiler adds, such as destructors, has none.
Each place that did not run is printed; below the goals of docs/reliability.md (R20) the exit status is 1.
"""
import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

GOALS = {"lines": 98, "branches": 95}  # percent
LINE = re.compile(r"^(?:  \|)* *(\d+)\|([^|]*)\|")  # "  |" in front: in one instance of a template
BRANCH = re.compile(r"Branch \((\d+):(\d+)\): \[True: (\S+), False: (\S+)\]")
NO_CODE = re.compile(r"^\s*(?:#.*|(?:else|do)?[\s{}()\[\];,]*(?://.*)?)$")


class Header:
    """What is known of one header: line -> was it run, (line, column, side) -> was it taken."""

    def __init__(self, text):
        self.text = text.splitlines()
        self.lines, self.branches = {}, {}

    def add_line(self, number, was_run):
        if not NO_CODE.match(self.text[number - 1]):
            self.lines[number] = self.lines.get(number, False) or was_run

    def add_branch(self, branch, was_taken):
        self.branches[branch] = self.branches.get(branch, False) or was_taken

    def missing(self):
        """(line, column, what) of each line and branch that did not run, in the order of the source."""
        lines = [(number, 0, "line") for number, was_run in self.lines.items() if not was_run]
        return sorted(lines + [branch for branch, was_taken in self.branches.items() if not was_taken])


def read_report(lines, headers):
    """Adds to the headers, by path, what `llvm-cov show -show-branches=count` says of one program."""
    current = next(iter(headers.values()))  # of a single one llvm-cov does not print the path
    for line in map(str.rstrip, lines):
        if line.startswith("/") and line.endswith(":"):
            current = headers[line[:-1]]
        elif found := LINE.match(line):
            if found[2].strip():
                current.add_line(int(found[1]), found[2].strip() != "0")
        elif found := BRANCH.search(line):
            for side, times in (("true", found[3]), ("false", found[4])):
                current.add_branch((int(found[1]), int(found[2]), side), times != "0")


def drop_skipped(folder, headers, tools, work):
    """Forgets the lines that the preprocessor leaves out: llvm-cov shows them in functions that no unit uses."""
    unit = work / "unit.cpp"
    unit.write_text("".join(f'#include "{path}"\n' for path, header in headers.items() if header.lines))
    systems = [word for include in tools.include for word in ("-isystem", include)]
    made = subprocess.run([tools.compiler, "-std=c++20", "-E", f"-I{folder.parent}", *systems, unit],
                          check=True, stdout=subprocess.PIPE, text=True, errors="replace")
    kept, path, number = set(), "", 0
    for line in made.stdout.splitlines():
        if marker := re.match(r'# (\d+) "(.*?)"', line):
            path, number = marker[2], int(marker[1])
        else:
            if path in headers and line.strip():
                kept.add((path, number))
            number += 1
    for path, header in headers.items():
        header.lines = {number: was_run for number, was_run in header.lines.items()
                        if was_run or (path, number) in kept}


def count(folder, programs, tools, work):
    """The headers below folder, by path, with what the programs ran of them."""
    headers = {str(path): Header(path.read_text()) for path in sorted(folder.rglob("*.hpp"))}
    for program in programs:
        start = time.time()
        raw, merged = work / "raw", work / "merged"
        ran = subprocess.run([program, "--minimal", "--test-case-exclude=*illion*"], cwd=work,
                             env={**os.environ, "LLVM_PROFILE_FILE": str(raw)},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if ran.returncode != 0:
            sys.exit(f"{program} fails ({ran.returncode}):\n{ran.stdout[-2000:]}")
        subprocess.run([tools.profdata, "merge", raw, "-o", merged], check=True)
        said = subprocess.run([tools.cov, "export", "-summary-only", f"-instr-profile={merged}", program, *headers],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        seen = {path: headers[path] for path in (each["filename"] for each in json.loads(said)["data"][0]["files"])
                if path in headers}
        if not seen:
            sys.exit(f"{program} has no line of {folder}: built elsewhere, or without -fcoverage-mapping")
        with subprocess.Popen([tools.cov, "show", "-show-branches=count", f"-instr-profile={merged}", program,
                               *seen], stdout=subprocess.PIPE, text=True) as shown:
            read_report(shown.stdout, seen)
        if shown.returncode != 0:
            sys.exit(f"{tools.cov} cannot read {program}")
        print(f"{program.name}: {time.time() - start:.0f} s", flush=True)
    drop_skipped(folder, headers, tools, work)
    return headers


def report(folder, headers):
    """Prints what did not run and the counts; are the goals met?"""
    for path, header in headers.items():
        for number, column, what in header.missing():
            print(f"{path}:{number}:{column}: {what}: not run: {header.text[number - 1].strip()}")
    is_met = True
    for name, goal in GOALS.items():
        values = [run for header in headers.values() for run in getattr(header, name).values()]
        percent = 100 * sum(values) / max(len(values), 1)
        is_met = is_met and percent >= goal
        print(f"{name}: {sum(values)} of {len(values)} run, {percent:.1f} % (goal: {goal} %)")
    return is_met


HEADER = """\
template <int N>
int twice(int a, bool b) {
  // a comment
  if constexpr (N == 1) return a;
  int sum = 0;
  for (int i = 0; i < N; ++i) {
    sum += b ? a : 1;
  }
  if (a > 7 && b) sum = 0;
  return sum;
}
inline int never(int a) {
#if defined(NOWHERE)
  return 0;
#endif
  return a;
}
"""


def self_test(tools):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "twice.hpp").write_text(HEADER)
        (folder / "other.hpp").write_text("inline int other() { return 3; }\n")
        (folder / "main.cpp").write_text(
            '#include "other.hpp"\n#include "twice.hpp"\nint main() {\n'
            "  return twice<1>(0, true) + twice<2>(0, true) + twice<3>(-1, false) - other();\n}\n")
        subprocess.run([tools.compiler, "-std=c++20", "-fprofile-instr-generate", "-fcoverage-mapping",
                        folder / "main.cpp", "-o", folder / "program"], check=True)
        headers = count(folder, [folder / "program"], tools, folder)
        header = headers[str(folder / "twice.hpp")]
        found = [f"{number}:{column} {what}" for number, column, what in header.missing()]
        expected = ["9:7 true", "9:16 false", "9:16 true", "12:0 line", "16:0 line"]
        if found != expected or len(header.lines) != 9 or len(header.branches) != 8:
            print("self-test: found", found, sorted(header.lines), sorted(header.branches))
            return 1
        with contextlib.redirect_stdout(io.StringIO()) as said:
            is_met = report(folder, headers)
        if is_met or "lines: 8 of 10 run, 80.0 %" not in said.getvalue():
            print("self-test: said", said.getvalue())
            return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--headers", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--cov", default="llvm-cov", help="llvm-cov of the clang++ that built the programs")
    parser.add_argument("--profdata", default="llvm-profdata")
    parser.add_argument("--compiler", default="clang++", help="the one that built the programs")
    parser.add_argument("--include", action="append", default=[], help="a folder of system headers")
    parser.add_argument("programs", nargs="*", type=lambda path: pathlib.Path(path).resolve())
    arguments = parser.parse_args()
    if arguments.self_test:
        sys.exit(self_test(arguments))
    if not arguments.headers or not arguments.programs:
        parser.error("got no headers or no programs; need both")
    with tempfile.TemporaryDirectory() as work:
        headers = count(arguments.headers, arguments.programs, arguments, pathlib.Path(work))
    sys.exit(0 if report(arguments.headers, headers) else 1)


if __name__ == "__main__":
    main()
