#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks headers one token at a time and sees whether their tests notice.

mutate.py                       every mutant of every header in HEADERS
mutate.py --only format/        of those whose path begins so
mutate.py --list                prints the mutants and runs nothing
mutate.py --log FILE            keeps verdicts there; what it says was killed is not run again
mutate.py --together N          N mutants to a program, 1: each a program of its own
mutate.py --self-test           finds a broken and an equivalent mutant in a small header of its own

A mutant is killed when a static assertion or a test fails, a test crashes or runs ten times too long;
it is invalid, and not counted, when the first error is another one. What survives must stand in
survivors.txt with its reason, or the exit status is 1. Start a new log when a test is weakened or an
edit of a header may have brought a mutant back to life: new tests only kill more.

Most mutants are in the bodies of functions. Those are compiled together: a body becomes a switch over its
mutants, and a variable of the environment says which of them a run is to take. Constant evaluation takes
none. What no run of such a program notices is compiled alone, so that static assertions see it too.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SURVIVORS = pathlib.Path(__file__).with_name("survivors.txt")

# Header below include/nibble: the tests below tests/ that are to notice, the quickest first.
HEADERS = {
    "detail/bits.hpp": ["detail/bits_test", "format/encode_test"],
    "format/float_format.hpp": ["format/float_format_test", "format/encode_test"],
    "format/rounding_rule.hpp": ["format/rounding_rule_test", "format/encode_test"],
    "format/decode.hpp": ["format/decode_test"],
    "format/encode.hpp": ["format/encode_test"],
    "number.hpp": ["number_test", "fp8_e4m3_test"],
    "packed.hpp": ["packed_test"],
    "block.hpp": ["block_test"],
    "rounding/by_rule.hpp": ["rounding/by_rule_test", "rounding/nearest_away_test"],
    "rounding/nearest_even.hpp": ["rounding/nearest_even_test", "quantizer_test"],
    "rounding/stochastic.hpp": ["rounding/stochastic_test", "random/table_test", "quantize_test"],
    "random/philox.hpp": ["random/philox_test", "random/table_test"],
    "random/source.hpp": ["random/source_test", "rounding/stochastic_test"],
    "random/stream.hpp": ["random/stream_test"],
    "scaling/amax.hpp": ["scaling/amax_test", "quantizer_test", "detail/host_scales_test"],
    "scaling/policy.hpp": ["scaling/policy_test", "scaling/amax_test", "quantizer_test", "detail/host_scales_test"],
    "scaling/power_of_two.hpp": ["scaling/power_of_two_test"],
    "scaling/four_over_six.hpp": ["scaling/four_over_six_test", "detail/host_scales_test"],
    "scaling/error_metric.hpp": ["scaling/error_metric_test", "scaling/four_over_six_test", "detail/host_scales_test"],
    "scaling/exhaustive.hpp": ["scaling/exhaustive_test"],
    "scaling/clipped.hpp": ["scaling/clipped_test"],
    "tensor_scale/current.hpp": ["tensor_scale/current_test", "quantizer_test"],
    "scaling/adaptive.hpp": ["scaling/adaptive_test"],
    "rounding/hardware_stochastic.hpp": ["rounding/hardware_stochastic_test"],
    "tensor_scale/per_row.hpp": ["tensor_scale/per_row_test"],
    "tensor_scale/per_block_128.hpp": ["tensor_scale/per_block_128_test"],
    "tensor_scale/delayed.hpp": ["tensor_scale/delayed_test"],
    "tensor_scale/fixed.hpp": ["tensor_scale/fixed_test"],
    "tensor_scale/none.hpp": ["tensor_scale/none_test"],
    "transform/identity.hpp": ["transform/identity_test"],
    "transform/hadamard.hpp": ["transform/hadamard_test"],
    "transform/random_hadamard.hpp": ["transform/random_hadamard_test"],
    "transform/fresh_hadamard.hpp": ["transform/fresh_hadamard_test"],
    "detail/host_scales.hpp": ["detail/host_scales_test", "quantize_test"],
    "detail/host_encode.hpp": ["detail/host_encode_test", "detail/host_scales_test", "quantize_test"],
    "quantizer.hpp": ["quantizer_test", "quantizer_laws_test", "quantize_test", "correction/eden_test"],
    "arch/convert.hpp": ["arch/convert_test", "rounding/nearest_even_test", "quantizer_test"],
    "arch/lanes/e2m1.hpp": ["arch/lanes/e2m1_test", "dequantize_test", "detail/host_scales_test"],
    "arch/lanes/e4m3.hpp": ["arch/lanes/e4m3_test", "detail/host_scales_test"],
    "arch/lanes/philox.hpp": ["arch/lanes/philox_test", "random/source_test"],
    "arch/lanes/transpose.hpp": ["arch/lanes/transpose_test", "detail/host_scales_test"],
    "arch/lanes/vector.hpp": ["arch/lanes/vector_test", "arch/lanes/hadamard_test", "arch/lanes/e2m1_test", "quantize_test"],
    "arch/lanes/hadamard.hpp": ["arch/lanes/hadamard_test", "transform/hadamard_test", "transform/random_hadamard_test"],
    "layout/packed_accessor.hpp": ["layout/packed_accessor_test", "view_test"],
    "layout/padded_right.hpp": ["layout/padded_right_test"],
    "layout/scale_tile_128x4.hpp": ["layout/scale_tile_128x4_test", "part_test"],
    "view.hpp": ["view_test", "quantized_matrix_test", "part_test", "quantize_test"],
    "part.hpp": ["part_test"],
    "swizzle.hpp": ["swizzle_test"],
}

# clang-format puts spaces around binary operators and none around template brackets.
SWAPS = {
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
    "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"], "^": ["|"],
    "<": ["<="], "<=": ["<"], ">": [">="], ">=": [">"], "==": ["!="], "!=": ["=="],
    "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="], "|=": ["&="], "&=": ["|="], "^=": ["|="],
}
OPERATOR = re.compile(r"(?<= )(\+|-|\*|/|%|<<|>>|&|\||\^|<|<=|>|>=|==|!=|&&|\|\||\+=|-=|\|=|&=|\^=)(?=[ \n])")
NUMBER = re.compile(r"(?<![\w.'])(0x[0-9A-Fa-f']+|\d[\d']*)(u?)(?![\w.'])")
WORD = re.compile(r"\b(true|false)\b")
NOT = re.compile(r"(?<![\w!])!(?=[\w(])(?!=)")
STEP = re.compile(r"\+\+|--")
STATEMENT = re.compile(r"^ +(?!return\b|using\b|static_assert|typename|template|constexpr|if\b|for\b|"
                       r"else\b|const\b|friend\b|case\b|public|private)[\w.\[\]()>*: -]+"
                       r"( =| \+=| -=| \|=| \^=| &=) [^;{}]*;$", re.M)
DECLARED = re.compile(r"^ +[\w:<>, ]+ (const )?[\w\[\]]+ = ")
GUARD = re.compile(r"^ +if (?:constexpr )?\([^;{}]*\) (return|throw|continue|break)[^;{}]*;$", re.M)

USUAL = """#include <doctest/doctest.h>
#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#if __has_include(<cuda/std/mdspan>)
#include <cuda/std/expected>
#include <cuda/std/mdspan>
#include <cuda/std/span>
#endif
"""
# What g++ and clang say of a static assertion, or of a constant that is none or takes for ever.
ASSERTED = re.compile(r"error: .*(static assertion|static_assert|constant.expression)|"
                      r"in .constexpr. expansion of|error: .constexpr. (loop|evaluation)")

FINAL = ("killed", "invalid")

# Which of the mutants that were compiled together a run takes: 0 is none.
CHOSEN = """#include <cstdlib>
namespace nibble_mutation {
inline int const chosen = std::getenv("NIBBLE_MUTANT") ? std::atoi(std::getenv("NIBBLE_MUTANT")) : 0;
}
#define NIBBLE_MUTANT (__builtin_is_constant_evaluated() ? 0 : ::nibble_mutation::chosen)
"""
SCOPE = re.compile(r"(?<!\w)(namespace|struct|class|union)\b(?![^{]*\))")
FUNCTION = re.compile(r"\)\s*((const|noexcept|override)\s*|requires [\w:<>,\s]*|-> [\w:<>,\s]*)*$")
LINES = 1000  # more than a header has: line 7005 of an error is the line 5 of mutant 7

Mutant = collections.namedtuple("Mutant", "header start end text")


def blanked(text):
    """The text with everything that is no code of its own made blank, each byte in its place."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group(0))
    for pattern in [r"//[^\n]*", r"/\*.*?\*/", r'"(?:\\.|[^"\\\n])*"', r"'(?:\\.|[^'\\\n])'(?!\w)",
                    r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", r"static_assert\([^;]*;", r"\[\[.*?\]\]"]:
        text = re.sub(pattern, blank, text, flags=re.S | re.M if "^" in pattern or ".*?" in pattern
                      else 0)
    return text


def mutants_of(header, text):
    """Every mutant of a header, in the order of the text."""
    code = blanked(text)
    found = []

    def add(start, end, new):
        found.append(Mutant(header, start, end, new))

    for match in OPERATOR.finditer(code):
        for new in SWAPS[match.group(1)]:
            add(match.start(), match.end(), new)
    for match in NUMBER.finditer(code):
        value = int(match.group(1).replace("'", ""), 0)
        add(match.start(), match.end(), f"{value + 1}{match.group(2)}")
        if value > 1:
            add(match.start(), match.end(), f"{value - 1}{match.group(2)}")
    for match in WORD.finditer(code):
        add(match.start(), match.end(), "false" if match.group(1) == "true" else "true")
    for match in NOT.finditer(code):
        add(match.start(), match.end(), "")
    for match in STEP.finditer(code):
        add(match.start(), match.end(), "--" if match.group(0) == "++" else "++")
    for pattern in (STATEMENT, GUARD):
        for match in pattern.finditer(code):
            if pattern is GUARD or not DECLARED.match(match.group(0)):
                add(match.start(), match.end(), " ;")
    return sorted(found, key=lambda each: (each.start, each.end, each.text))


def bodies_of(text):
    """Where the bodies of functions begin and end, those that are not for constant evaluation alone."""
    code = blanked(text)
    found, head, at = [], 0, 0
    while at < len(code):
        if code[at] in ";}":
            head = at + 1
        elif code[at] == "{":
            before = code[head:at].strip()
            if not FUNCTION.search(before) and SCOPE.search(before):
                head = at + 1
            else:
                depth, end = 0, at
                while True:
                    depth += {"{": 1, "}": -1}.get(code[end], 0)
                    end += 1
                    if depth == 0:
                        break
                if FUNCTION.search(before) and not re.search(r"\b(consteval|concept)\b", before):
                    found.append((at, end))
                at = head = end
                continue
        at += 1
    return found


def joined(text, numbered):
    """The header with every mutant of numbered, (number, mutant) in bodies of functions, to choose from."""
    out, at = [], 0
    for start, end in bodies_of(text):
        mine = [(number, each) for number, each in numbered if start < each.start and each.end < end]
        if mine:
            out.append(text[at:start] + "{ switch (NIBBLE_MUTANT) {\n")
            for number, each in mine:
                out.append(f"case {number}:\n#line {LINES * number}\n{text[start:each.start]}{each.text}"
                           f"{text[each.end:end]} break;\n")
            out.append(f"default:\n#line {text.count(chr(10), 0, start) + 1}\n{text[start:end]} }} }}")
            at = end
    return "".join(out) + text[at:]


def name_of(mutant, text):
    """One line that names a mutant by what stands there, and which of its like in the header it is."""
    begin = text.rfind("\n", 0, mutant.start) + 1
    end = text.find("\n", mutant.end)
    old = text[begin:end]
    new = text[begin:mutant.start] + mutant.text + text[mutant.end:end]
    squeeze = lambda line: " ".join(line.split())
    return f"{mutant.header} | {squeeze(old)} | {squeeze(new)}"


def compiled_lines(arguments, header):
    """The lines of a header that this compiler keeps here: no test of the host can notice the others."""
    path = ROOT / "include/nibble" / header
    kept, file, line = set(), None, 0
    for each in subprocess.run([arguments.compiler, *flags_of(arguments), "-E", "-x", "c++", str(path)],
                               capture_output=True, text=True, check=True).stdout.splitlines():
        marker = re.match(r'# (\d+) "(.*?)"', each)
        if marker:
            line, file = int(marker.group(1)), marker.group(2)
        else:
            if file == str(path) and each.strip():
                kept.add(line)
            line += 1
    return kept


def flags_of(arguments):
    # What reads past an array or shifts too far may still give the right bytes: it must not run on.
    flags = ["-std=c++20", "-O1", "-w", "-march=native", "-fsanitize=bounds,shift",
             "-fsanitize-undefined-trap-on-error", *arguments.flags]
    flags += [f"-I{ROOT / folder}" for folder in ("include", "tests", "examples")]
    for folder in arguments.system:
        flags += ["-isystem", folder]
    return flags


class Runner:
    def __init__(self, arguments, work):
        self.compiler, self.work = arguments.compiler, work
        self.flags = flags_of(arguments)
        self.main = work / "main.o"
        subprocess.run([self.compiler, *self.flags, "-c", str(ROOT / "tests/main.cpp"),
                        "-o", str(self.main)], check=True)
        # What no mutant changes is parsed once: it is half of what a small test takes.
        usual = work / "usual.hpp"
        usual.write_text(USUAL + CHOSEN)
        subprocess.run([self.compiler, *self.flags, "-x", "c++-header", str(usual), "-o",
                        f"{usual}.gch"], check=True)
        self.flags += ["-fmax-errors=1", "-include", str(usual)]
        self.usual = {}

    def build(self, test, overlay, program):
        """What the compiler says of a test of the headers in overlay, "" for nothing; None: it took too long."""
        command = [self.compiler, f"-I{overlay}", *self.flags,
                   str(ROOT / "tests" / f"{test}.cpp"), str(self.main), "-o", str(program), "-pthread"]
        try:
            made = subprocess.run(command, capture_output=True, text=True, timeout=600, errors="replace")
        except subprocess.TimeoutExpired:
            return None
        return made.stderr or "?" if made.returncode != 0 else ""

    def passes(self, test, program, number=0):
        most = int(10 * self.usual.get(test, 60)) + 2  # of processor time: other work must not kill
        try:
            ran = subprocess.run([str(program), "--abort-after=1", "--test-case-exclude=*illion*",
                                  "--minimal"], capture_output=True, timeout=10 * most,
                                 env={**os.environ, "NIBBLE_MUTANT": str(number)},
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (most, most)))
        except subprocess.TimeoutExpired:
            return False
        return ran.returncode == 0

    def build_and_run(self, test, overlay, program):
        """("passed" | "killed" | "invalid", seconds of the run)."""
        said = self.build(test, overlay, program)
        if said != "":
            return ("killed" if said is None or ASSERTED.search(said) else "invalid"), 0.0
        start = time.time()
        passed = self.passes(test, program)
        program.unlink(missing_ok=True)
        return ("passed" if passed else "killed"), time.time() - start

    def noticed(self, mutants, text, test):
        """Of mutants of one header, compiled together: those that a run of the test notices, and the others.
        What does not compile is among neither."""
        folder = self.work / "together"
        target = folder / "nibble" / mutants[0].header
        target.parent.mkdir(parents=True, exist_ok=True)
        numbered = list(enumerate(mutants, 1))
        program = folder / "program"
        while numbered:
            target.write_text(joined(text, numbered))
            said = self.build(test, folder, program)
            if said == "":
                break
            lines = [int(line) // LINES for line in re.findall(rf"{mutants[0].header}:(\d+):", said or "")]
            wrong = [line for line in lines if line > 0]
            # Whatever it is: what is left out is tried alone.
            numbered = [each for each in numbered if wrong and each[0] != wrong[-1]]
        found, others = [], []
        if numbered:
            start = os.times().children_user
            if not self.passes(test, program):
                sys.exit(f"{test} does not pass as it is, compiled with mutants of {mutants[0].header}")
            self.usual[test] = max(os.times().children_user - start, 0.1)
            for number, each in numbered:
                (others if self.passes(test, program, number) else found).append(each)
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        return found, others

    def measure(self, tests, jobs):
        def one(test):
            program = self.work / test.replace("/", "_")
            return test, *self.build_and_run(test, self.work, program)

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for test, verdict, seconds in pool.map(one, sorted(tests)):
                if verdict != "passed":
                    sys.exit(f"{test} does not pass as it is: {verdict}")
                self.usual[test] = max(seconds, 0.1)

    def judge(self, mutant, text, number, tests):
        folder = self.work / f"mutant{number}"
        target = folder / "nibble" / mutant.header
        target.parent.mkdir(parents=True)
        target.write_text(text[:mutant.start] + mutant.text + text[mutant.end:])
        verdict = "passed"
        for test in tests:
            verdict, _ = self.build_and_run(test, folder, folder / "program")
            if verdict != "passed":
                break
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        return "survived" if verdict == "passed" else verdict


def read_survivors(path):
    """name -> reason. A line of the file: HEADER | LINE | MUTANT | REASON, * for every mutant of a line."""
    known = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            name, reason = line.rsplit(" | ", 1)
            known[name] = reason
    return known


def reason_for(name, known):
    header, rest = name.split(" | ", 1)
    for pattern, reason in known.items():
        where, line = pattern.split(" | ", 1)
        if name == pattern or (line.endswith(" | *") and where == header
                               and rest.startswith(line[:-1])):
            return reason
    return None


def keyed(todo):
    """Each of todo with the name that a log keeps: mutants of equal lines are counted off."""
    seen = collections.Counter()
    for mutant, text, tests in todo:
        name = name_of(mutant, text)
        seen[name] += 1
        yield mutant, text, tests, f"{name} | {seen[name]}"


def note(arguments, verdict, key):
    if arguments.log:
        with open(arguments.log, "a", encoding="utf-8") as log:
            log.write(f"{verdict} | {key}\n")


def together(arguments, runner, todo, done, known, end):
    """Enters into done what runs of programs of several mutants notice; the keys of listed ones that none does."""
    settled = set()
    for header in HEADERS:
        mine = [each for each in todo if each[0].header == header and done.get(each[3]) not in FINAL]
        if not mine:
            continue
        text, tests = mine[0][1:3]
        inside = bodies_of(text)
        mine = [each for each in sorted(mine) if any(start < each[0].start and each[0].end < stop for start, stop in inside)]
        for test in tests:
            left = []
            for first in range(0, len(mine), arguments.together):
                part = mine[first:first + arguments.together]
                if time.time() > end:
                    return settled
                found, others = runner.noticed([each[0] for each in part], text, test)
                for mutant, _, _, key in part:
                    if mutant in found:
                        done[key] = "killed"
                        note(arguments, "killed", key)
                left += [each for each in part if each[0] in others]
            mine = left
        settled |= {key for mutant, _, _, key in mine if reason_for(name_of(mutant, text), known)}
        for mutant, _, _, key in mine:
            if key not in settled:
                print(f"not noticed together: {name_of(mutant, text)}", flush=True)
    return settled


def run(arguments):
    known = read_survivors(SURVIVORS)
    done = {}
    if arguments.log and pathlib.Path(arguments.log).exists():
        lines = pathlib.Path(arguments.log).read_text(encoding="utf-8").splitlines()
        done = {key: verdict for verdict, key in (line.split(" | ", 1) for line in lines)}
    todo = []
    for header, tests in HEADERS.items():
        if not any(header.startswith(each) for each in arguments.only):
            continue
        text = (ROOT / "include/nibble" / header).read_text()
        kept = compiled_lines(arguments, header)
        todo += keyed((mutant, text, tests) for mutant in mutants_of(header, text)
                      if text.count("\n", 0, mutant.start) + 1 in kept)
    if arguments.names:
        wanted = set(pathlib.Path(arguments.names).read_text().splitlines())
        todo = [each for each in todo if name_of(each[0], each[1]) in wanted]
    if arguments.list:
        for mutant, text, _, _ in todo:
            print(name_of(mutant, text))
        return 0
    random.Random(1).shuffle(todo)  # whatever the time allows is then a sample of the whole
    counts = collections.Counter()
    per_header = collections.defaultdict(collections.Counter)
    unexplained = []
    settled = set()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(arguments, pathlib.Path(folder))
        end = time.time() + arguments.seconds if arguments.seconds else float("inf")
        if arguments.together > 1:
            settled = together(arguments, runner, todo, done, known, end)
        runner.measure({test for _, _, tests, key in todo if done.get(key) not in FINAL and key not in settled
                        for test in tests}, arguments.jobs)

        def one(item):
            number, (mutant, text, tests, key) = item
            if done.get(key) in FINAL:
                return mutant, text, key, done[key]
            if key in settled:
                return mutant, text, key, "survived"
            if time.time() > end:
                return mutant, text, key, "not run"
            return mutant, text, key, runner.judge(mutant, text, number, tests)

        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for mutant, text, key, verdict in pool.map(one, enumerate(todo)):
                counts[verdict] += 1
                per_header[mutant.header][verdict] += 1
                name = name_of(mutant, text)
                if verdict == "survived":
                    reason = reason_for(name, known)
                    if reason is None:
                        unexplained.append(name)
                    print(f"survived: {name} | {reason or 'NO REASON'}", flush=True)
                if done.get(key) != verdict and verdict != "not run":
                    note(arguments, verdict, key)
    for header in sorted(per_header):
        each = per_header[header]
        print(f"{header}: {each['killed']} killed, {each['survived']} survived, "
              f"{each['invalid']} invalid, {each['not run']} not run")
    explained = counts["survived"] - len(unexplained)
    print(f"{counts['killed']} killed, {explained} survived with a reason, {len(unexplained)} without, "
          f"{counts['invalid']} no C++, {counts['not run']} not run")
    return 1 if unexplained or not counts["killed"] else 0


def self_test():
    text = ("// 1 + 2\n#define X 3 + 4\n[[nodiscard]] constexpr int f(int a) {\n"
            "  static_assert(1 + 1 == 2, \"1 + 1\");\n  if (a < 0) return 0;\n  return a + 10;\n}\n")
    names = [name_of(each, text) for each in mutants_of("x.hpp", text)]
    expected = ["x.hpp | if (a < 0) return 0; | ;", "x.hpp | if (a < 0) return 0; | if (a <= 0) return 0;",
                "x.hpp | if (a < 0) return 0; | if (a < 1) return 0;",
                "x.hpp | if (a < 0) return 0; | if (a < 0) return 1;",
                "x.hpp | return a + 10; | return a - 10;", "x.hpp | return a + 10; | return a + 11;",
                "x.hpp | return a + 10; | return a + 9;"]
    if sorted(names) != sorted(expected):
        print("self-test: the mutants are", *names, sep="\n  ")
        return 1
    # A constructor's list, a class, a concept and what only constant evaluation calls are no bodies here.
    held = ("namespace a {\ntemplate <class T>\nstruct s {\n  int x{1};\n  s() : x(2) { x += 3; }\n"
            "  int f() const noexcept requires(4 > 3) { return [] { return 5; }(); }\n};\n"
            "template <class T>\nconcept c = requires(T t) { t + 6; };\n"
            "consteval int g(int a) { return a + 7; }\n}\n")
    bodies = [held[start:end] for start, end in bodies_of(held)]
    if bodies != ["{ x += 3; }", "{ return [] { return 5; }(); }"]:
        print("self-test: the bodies are", *bodies, sep="\n  ")
        return 1
    first = next(each for each in mutants_of("x.hpp", held) if each.text == "-=")
    whole = joined(held, [(2, first)])
    if whole != held.replace(bodies[0], "{ switch (NIBBLE_MUTANT) {\ncase 2:\n#line 2000\n{ x -= 3; } break;\n"
                             "default:\n#line 5\n{ x += 3; } } }"):
        print("self-test: compiled together it is", whole, sep="\n")
        return 1
    for header, tests in HEADERS.items():
        missing = [path for path in [ROOT / "include/nibble" / header,
                                     *(ROOT / "tests" / f"{test}.cpp" for test in tests)]
                   if not path.exists()]
        if missing:
            print("self-test: no such file:", *missing)
            return 1
    # A survivor is named by the lines it stands on; one that no header makes any more is stale.
    alive = set()
    for header in HEADERS:
        source = (ROOT / "include/nibble" / header).read_text()
        alive |= {name_of(each, source) for each in mutants_of(header, source)}
    known = read_survivors(SURVIVORS)
    stale = [name for name in known if not any(reason_for(each, {name: known[name]}) for each in alive)]
    for name in stale:
        print("survivors.txt: no header makes this mutant any more:", name)
    print(f"{len(alive)} mutants, {len(known)} lines of known survivors")
    return 1 if stale else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", action="append", help="headers whose path begins so")
    parser.add_argument("--names", help="a file of mutants' names, as --list prints them: only these")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--together", type=int, default=96, help="mutants to a program")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="begin no mutant after so many")
    parser.add_argument("--log", help="keep a line for each mutant in this file")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--system", action="append", default=[], help="a folder of system headers")
    parser.add_argument("flags", nargs="*", help="more flags, after --")
    arguments = parser.parse_args()
    arguments.only = arguments.only or [""]
    sys.exit(self_test() if arguments.self_test else run(arguments))


if __name__ == "__main__":
    main()
