#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every device test program of a build folder under compute-sanitizer's four tools.

sanitize.py BUILD_FOLDER [--jobs N] [--seconds S] [--tools LIST] [--only TEXT] [--logs FOLDER]
sanitize.py --self-test

The test cases of one source file are one run of each tool, those of slow files one each; N runs at a
time. Cases named in too_large.txt are left out. First planted.cu is compiled and each tool must report
its fault. Prints one line a program and tool, then a total. Exit status 1 where a tool reports something,
a test fails, a run takes longer than S seconds, ends without its summary or runs another number of cases,
or a planted fault is not seen.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from xml.sax.saxutils import escape as xml_escape

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = {
    "memcheck": ["--padding", "256"],
    "racecheck": ["--racecheck-report", "all"],
    "initcheck": [],
    "synccheck": [],
}
# Files whose cases take a tool half a minute and more together.
SLOW = ("matmul_test", "quantize_both_test", "repeat_test", "quantize_test", "linear_test", "linear_steps_test",
        "linear_requantized_test", "linear_fast_test")
# Files that ask CUDA for what fails, and look at what it answers: memcheck would report that.
FAILING_CALLS = ("tile_load_test", "runtime_test")
# What a tool says, with an exit status of its own, of a run that never asks for the GPU.
NOTHING_TO_SEE = "Target application terminated before first instrumented API call"
# NIBBLE_BRIEF: what is asked of thousands of shapes or a hundred times is asked a fiftieth as often.
ENVIRONMENT = {**os.environ, "NIBBLE_REQUIRE_GPU": "1", "NIBBLE_BRIEF": "1"}
REPORTS = re.compile(r"^========= (?:ERROR SUMMARY: (\d+) errors?|RACECHECK SUMMARY: (\d+) hazards? displayed)", re.M)


def programs_in(folder):
    """The device test programs that were built."""
    found = [*folder.rglob("test_*_device"), *folder.rglob("device_recipes")]
    return sorted(path for path in found if path.is_file() and os.access(path, os.X_OK))


def cases_of(program):
    """Source file -> names of its cases."""
    listed = subprocess.run([program, "--list-test-cases", "--reporters=xml"], capture_output=True, text=True,
                            check=True)
    cases = {}
    for case in xml.fromstring(listed.stdout).iter("TestCase"):
        cases.setdefault(case.get("filename"), []).append(case.get("name"))
    return cases


def pattern(text):
    """doctest's pattern for a name: commas separate patterns, and there is no other escape."""
    return text.replace(",", "?").replace("[", "?").replace("]", "?")


def sanitized(tool, command, seconds, log, options=()):
    """Reports of a tool (none: it gave no summary), exit status (none: stopped), text."""
    start = time.monotonic()
    line = ["compute-sanitizer", "--tool", tool, *TOOLS[tool], *options, *map(str, command)]
    # In a session of its own: a run that takes too long ends with the program that the tool has started.
    with subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = None
    text = output.decode(errors="replace")
    if log:
        log.write_text(f"{text}\ntook {time.monotonic() - start:.1f} s, exit status {status}\n", encoding="utf-8")
    found = REPORTS.findall(text)
    return (sum(int(errors or hazards) for errors, hazards in found) if found else None), status, text


def run(tool, program, source, names, options):
    """One run: reports, cases that passed, what went wrong."""
    start = time.monotonic()
    command = [program, "--duration=true", f"--source-file=*{source}", "--test-case=" + ",".join(map(pattern, names))]
    name = pathlib.Path(source).stem + (", " + names[0] if len(names) == 1 else "")
    log = options.logs / f"{program.name}.{re.sub('[^a-z0-9_]+', '-', name)[:80]}.{tool}.log" if options.logs else None
    quiet = ("--report-api-errors", "no") if tool == "memcheck" and pathlib.Path(source).stem in FAILING_CALLS else ()
    reports, status, text = sanitized(tool, command, options.seconds, log, quiet)
    ran = re.search(r"\[doctest\] test cases: +(\d+) \| +(\d+) passed", text)
    count = len(names)
    wrong = []
    if status is None:
        wrong.append(f"stopped after {options.seconds} s")
    elif not ran or int(ran.group(1)) != count or int(ran.group(2)) != count:
        wrong.append(f"{ran.group(2) if ran else 'none'} of {count} cases passed")
    elif reports is None and NOTHING_TO_SEE not in text:
        wrong.append("no summary")
    elif reports is not None and status != 0:
        wrong.append(f"exit status {status}")
    return tool, program, name, reports or 0, count if not wrong else 0, wrong, time.monotonic() - start


def planted_faults(tools):
    """Tools that do not see the fault that is theirs."""
    blind = []
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "planted"
        subprocess.run(["nvcc", "-arch=native", "-o", program, HERE / "planted.cu"], check=True)
        for number, tool in enumerate(TOOLS):
            if tool in tools and not sanitized(tool, [program, number], 60, None)[0]:
                blind.append(tool)
    return blind


def left_out(known):
    """Names in too_large.txt, and those of them that no program has."""
    lines = (HERE / "too_large.txt").read_text(encoding="utf-8").splitlines()
    large = {line for line in (each.partition("#")[0].strip() for each in lines) if line}
    return large, sorted(large - known)


def sanitize(programs, options):
    """Runs everything and prints it; is it good?"""
    tools = options.tools.split(",")
    blind = planted_faults(tools)
    for tool in blind:
        print(f"{tool}: the planted fault is not seen")
    cases = [(program, source, names) for program in programs for source, names in cases_of(program).items()]
    large, unknown = left_out({name for _, _, names in cases for name in names})
    for name in unknown:
        print(f"too_large.txt: no such case: {name}")

    work, skipped = [], 0
    for program, source, names in cases:
        names = [name for name in names if options.only in f"{source}, {name}"]
        small = [name for name in names if name not in large]
        skipped += len(names) - len(small)
        if pathlib.Path(source).stem in SLOW:
            work[:0] = [(program, source, [name]) for name in small]
        elif small:
            work.append((program, source, small))
    totals = {(program.name, tool): [0, 0, 0] for program, *_ in work for tool in tools}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        started = [pool.submit(run, tool, *piece, options) for piece in work for tool in tools]
        for each in concurrent.futures.as_completed(started):
            tool, program, name, reports, passed, wrong, took = each.result()
            total = totals[program.name, tool]
            for i, more in enumerate((passed, reports, len(wrong))):
                total[i] += more
            if reports or wrong or took > options.seconds / 4:
                print(f"  {tool} {name}: {reports} reports, {took:.0f} s{''.join(', ' + w for w in wrong)}", flush=True)
    for (program, tool), (passed, reports, wrong) in sorted(totals.items()):
        print(f"{program:28} {tool:10} {passed:4} cases {reports:6} reports {wrong:3} failed runs")
    passed, reports, wrong = (sum(column) for column in zip(*totals.values())) if totals else (0, 0, 0)
    print(f"{passed} cases under {len(tools)} tools together, {reports} reports, {wrong} failed runs, "
          f"{skipped} cases left out as too large")
    return bool(passed) and not (blind or unknown or reports or wrong)


STAND_INS = {
    "nvcc": 'while [ $# -gt 1 ]; do [ "$1" = -o ] && printf "#!/bin/sh\\n" > "$2" && chmod +x "$2"; shift; done',
    "compute-sanitizer": """tool=$2; case "$*" in *planted*) [ "$FAULT" = blind ] || echo "========= ERROR SUMMARY: 1 error"; exit 0;; esac
[ "$FAULT" = late ] && sleep 20
ran=2; [ "$FAULT" = fewer ] && ran=1
echo "[doctest] test cases: $ran | $ran passed | 0 failed | 0 skipped"
[ "$FAULT" = silent ] && exit 0
found=0; [ "$FAULT" = $tool ] && found=3
case $tool in racecheck) echo "========= RACECHECK SUMMARY: $found hazards displayed ($found errors, 0 warnings)";;
*) echo "========= ERROR SUMMARY: $found errors";; esac
[ "$FAULT" != failing ]""",
}


def self_test(options):
    """Stands in for the tools and a test program, and has each thing go wrong that can."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names = [*left_out(set())[1], "a", "b"]
        listed = "".join(f'<TestCase name="{xml_escape(name)}" filename="x.cu"/>' for name in names)
        scripts = {**STAND_INS, "test_x_device": f"cat <<'END'\n<doctest>{listed}</doctest>\nEND"}
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
        ENVIRONMENT["PATH"] = os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        options.seconds, options.jobs = 3, len(TOOLS)
        for fault in ("", *TOOLS, "blind", "late", "fewer", "silent", "failing"):
            ENVIRONMENT["FAULT"] = fault
            if sanitize(programs_in(folder), options) != (fault == ""):
                wrong.append(fault or "nothing")
    print("not as it should be with:", *wrong or ["-"])
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--only", default="", help="cases of whose source file and name this is a part: tests/device/x_test.cu, a name")
    parser.add_argument("--logs", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return 0 if self_test(options) else 1
    programs = programs_in(options.folder) if options.folder else []
    if not programs:
        parser.error(f"no test_*_device below {options.folder}")
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
    return 0 if sanitize(programs, options) else 1


if __name__ == "__main__":
    sys.exit(main())
