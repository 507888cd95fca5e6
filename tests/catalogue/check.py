#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the bugs of other libraries (A1 to G9, docs/reliability.md) that a test or a reason answers.

check.py ROOT          each id that has neither, or a tag that names no test; exit 1 if there is any
check.py --table ROOT  the tests of each id, as a table
check.py --self-test   breaks each rule in a small tree of its own

A tag is a comment "bugs: A1 B2" right before a TEST_CASE or an add_test, or anywhere in a script or in a
file of tests/compile_fail, each of which is one test.
"""
import collections
import pathlib
import re
import sys
import tempfile

COUNTS = {"A": 22, "B": 26, "C": 5, "D": 21, "E": 13, "F": 13, "G": 9}
IDS = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
TAG = re.compile(r"^\s*(?://|#) bugs:((?: [A-Z]\d+)+)\s*$")


def tags_of(path, root):
    """(id, test's name, line) of each tag in a file, and the lines of tags that no test follows."""
    lines = path.read_text(encoding="utf-8").splitlines()
    name = str(path.relative_to(root / "tests"))
    whole_file = path.suffix in (".py", ".sh") or "compile_fail" in path.parts
    found, lost = [], []
    for number, line in enumerate(lines):
        match = TAG.match(line)
        if not match:
            continue
        after = "\n".join(lines[number + 1:number + 4])
        case = re.match(r"[ \t]*(?:TEST_CASE\w*\(|add_test\(NAME)\s*\"([^\"]+)\"|[ \t]*nibble_two_units\((\w+)", after)
        if case or whole_file:
            test = name if not case else f"{name}: {case.group(1) or case.group(2)}"
            found += [(each, test) for each in match.group(1).split()]
        else:
            lost.append(f"{name}:{number + 1}: the tag stands before no test")
    return found, lost


def reasons_of(root):
    """id -> reason, of the lines "- A1: reason" in docs/reliability.md."""
    text = (root / "docs/reliability.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^- ([A-Z]\d+): (.{20,})", text, re.M))


def check(root):
    tests, problems = collections.defaultdict(list), []
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix in (".cpp", ".cu", ".py", ".sh") or path.name == "CMakeLists.txt":
            if path != pathlib.Path(__file__).resolve():
                found, lost = tags_of(path, root)
                problems += lost
                for each, test in found:
                    tests[each].append(test)
    reasons = reasons_of(root)
    for each in sorted(set(tests) | set(reasons)):
        if each not in IDS:
            problems.append(f"{each} is no bug of the catalogue")
    for each in IDS:
        if each not in tests and each not in reasons:
            problems.append(f"{each} has neither a test nor a reason")
        if each in tests and each in reasons:
            problems.append(f"{each} has a test, and a reason why it needs none")
    return dict(tests), reasons, problems


def self_test():
    def problems(tag, reasons):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            (root / "tests").mkdir()
            (root / "docs").mkdir()
            (root / "tests/x_test.cpp").write_text(f'{tag}\nTEST_CASE("a case") {{}}\n')
            lines = [f"- {each}: it cannot happen in this tree" for each in reasons]
            (root / "docs/reliability.md").write_text("\n".join(lines))
            return check(root)[2]

    others = [each for each in IDS if each != "A1"]
    expected = [("// bugs: A1", others, 0), ("", others, 1), ("// bugs: A1\n", others, 2),
                ("// bugs: A1 A99", others, 1), ("// bugs: A1", IDS, 1), ("// bugs: A1 B1", others, 1)]
    wrong = [case for case in expected if len(problems(*case[:2])) != case[2]]
    for tag, _, count in wrong:
        print(f"self-test: {tag!r} should give {count} problems")
    return 1 if wrong else 0


def main():
    if len(sys.argv) == 2 and sys.argv[1] == "--self-test":
        sys.exit(self_test())
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tests, reasons, problems = check(pathlib.Path(sys.argv[-1]).resolve())
    if sys.argv[1] == "--table":
        for each in IDS:
            print(f"| {each} | {'; '.join(tests.get(each, [])) or reasons[each]} |")
    for problem in problems:
        print(problem)
    print(f"{len(IDS)} bugs: {sum(each in tests for each in IDS)} have a test, "
          f"{sum(each in reasons for each in IDS)} a reason, {len(problems)} problems")
    sys.exit(1 if problems or not IDS else 0)


if __name__ == "__main__":
    main()
