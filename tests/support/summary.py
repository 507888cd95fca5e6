#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what failed in ctest's JUnit file, then one line 'N passed, N failed, N skipped'.

summary.py FILE | --self-test     exit code 0 only if something passed and nothing failed
"""
import pathlib
import sys
import tempfile
import xml.etree.ElementTree

# ctest writes `skipped` also for tests whose program is missing; only these two are skips.
TRUE_SKIPS = ("SKIP_REGULAR_EXPRESSION_MATCHED", "SKIP_RETURN_CODE")


def read(path):
    """(passed, failed, skipped): lists of (name, output)."""
    passed, failed, skipped = [], [], []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        entry = (case.get("name"), case.findtext("system-out") or "")
        skip = case.find("skipped")
        if case.get("status") == "run":
            passed.append(entry)
        elif skip is not None and (skip.get("message") or "").startswith(TRUE_SKIPS):
            skipped.append(entry)
        else:
            failed.append(entry)
    return passed, failed, skipped


def summarize(path):
    passed, failed, skipped = read(path)
    for name, output in failed:
        print(f"--- FAILED: {name}")
        lines = output.splitlines()
        if len(lines) > 60:
            print(f"[{len(lines) - 60} lines before this]")
        print("\n".join(lines[-60:]))
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 0 if passed and not failed else 1


SELF_TEST = """<testsuite>
<testcase name="a" status="run"><system-out>fine</system-out></testcase>
<testcase name="b" status="fail"><failure message="no"/><system-out>wrong</system-out></testcase>
<testcase name="c" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
<testcase name="d" status="notrun"><skipped message="Unable to find executable"/></testcase>
<testcase name="e" status="disabled"/>
</testsuite>"""


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "test.xml"
        path.write_text(SELF_TEST)
        got = [[name for name, _ in part] for part in read(path)]
        print(got)
        ok = got == [["a"], ["b", "d", "e"], ["c"]] and summarize(path) == 1
        path.write_text("<testsuite/>")
        return 0 if ok and summarize(path) == 1 else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(self_test() if sys.argv[1] == "--self-test" else summarize(sys.argv[1]))
