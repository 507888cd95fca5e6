# SPDX-License-Identifier: Apache-2.0
"""Run by gdb on program.cpp: compares what the printers and the expressions of the natvis file make of every
code with what the library makes of it. Sets gdb's exit status.

gdb -nx -batch -ex 'python root = "ROOT"' -x check_gdb.py PROGRAM
"""
import math
import re
import xml.etree.ElementTree

import gdb

TYPES = ("fp4_e2m1", "fp4_e1m2", "int4_element", "fp6_e2m3", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2", "e8m0", "ue5m3",
         "fp8_e3m4")
SAMPLED = ("bf16", "fp16")
checked = 0
wrong = []


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def check(what, got, expected):
    global checked
    checked += 1
    if not (same(got, expected) if isinstance(expected, float) else got == expected):
        wrong.append(f"{what}: got {got}, expected {expected}")


def codes_of(name):
    """(expression of a number, the library's value) for each number that the program holds of a type."""
    if name in SAMPLED:
        return [(f"some_{name}[{i}]", float(gdb.parse_and_eval(f"values_{name}[{i}]"))) for i in range(512)]
    values = gdb.parse_and_eval(f"all_{name}.values")
    count = values.type.range()[1] + 1
    return [(f"all_{name}.numbers[{i}]", float(values[i])) for i in range(count)]


def number_of(shown):
    """The number that a shown text starts with: '6 (0x7)', '2^-127 (0x0)', '1.5 * 2^-100 (0x...)'."""
    return float(eval(re.sub(r" \(.*", "", shown).replace("^", "**"), {"NaN": math.nan, "nan": math.nan, "inf": math.inf}))


class Natvis:
    def __init__(self, path):
        space = "{http://schemas.microsoft.com/vstudio/debugger/natvis/2010}"
        self.types = {}
        for entry in xml.etree.ElementTree.parse(path).getroot().findall(f"{space}Type"):
            displays = [(d.get("Condition"), d.text) for d in entry.findall(f"{space}DisplayString")]
            nodes = [n.text for n in entry.iter(f"{space}ValueNode")]
            pointers = [n.text for n in entry.iter(f"{space}ValuePointer")]
            self.types[entry.get("Name")] = (displays, nodes, pointers)

    @staticmethod
    def evaluate(expression, of):
        for name, place in of.items():
            expression = re.sub(rf"(?<![\w$]){re.escape(name)}\b", place, expression)
        return gdb.parse_and_eval(expression)

    def shown(self, name, expression):
        of = {"bits_": f"({expression}.bits_)"}
        displays, _, _ = self.types[f"nibble::{name}"]
        text = next(t for condition, t in displays if condition is None or int(self.evaluate(condition, of)))
        return re.sub(r"\{([^{}]*?)(,x)?\}", lambda m: f"{self.evaluate(m.group(1), of)}", text)


def main():
    gdb.execute(f"source {root}/packaging/debuggers/nibble_gdb.py")  # noqa: F821
    natvis = Natvis(f"{root}/packaging/debuggers/nibble.natvis")  # noqa: F821
    gdb.execute("break stop")
    gdb.execute("run", to_string=True)

    for name in TYPES + SAMPLED:
        for expression, value in codes_of(name):
            bits = int(gdb.parse_and_eval(f"{expression}.bits_"))
            shown = gdb.parse_and_eval(expression).format_string()
            check(f"gdb {name} {bits:#x}", number_of(shown), float(f"{value:.9g}"))
            check(f"gdb {name}", shown.endswith(f" ({bits:#x})"), True)
            if f"nibble::{name}" in natvis.types:
                check(f"natvis {name} {bits:#x}", number_of(natvis.shown(name, expression)), value)
    untested = [t for t in natvis.types if "<" not in t and t.removeprefix("nibble::") not in TYPES + SAMPLED]
    check("types of the natvis file without a check", untested, [])

    codes = "[0, 0, -0.5, 0.5, 1, -1.5, 2, -2, 3, -4, 4, -6, 1, 6, 0, 0.5]"
    for expression, text in (("nvfp4", f"192 * {codes}"), ("nvfp4.codes", codes),
                             ("sixes", "[0, 1.5, 3, 4.5, 6]"),
                             ("razer", "2 * [-5, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]")):
        check(f"gdb {expression}", gdb.parse_and_eval(expression).format_string(), text)
    _, (element,), _ = natvis.types["nibble::packed<nibble::fp4_e2m1,*>"]
    for i, value in enumerate(eval(codes)):
        got = gdb.parse_and_eval(element.replace("$i", str(i)).replace("bytes_", "(nvfp4.codes.bytes_)"))
        check(f"natvis, element {i} of a block", float(got), float(value))

    if gdb.lookup_global_symbol("matrix") is not None:
        check("gdb matrix", gdb.parse_and_eval("matrix").format_string().split(" = ")[0], "130 x 72 in blocks of 16")
        matrix, tiled = (printer_of(gdb.parse_and_eval(name)) for name in ("matrix", "tiled"))  # noqa: F821
        check("rows of a matrix", [len(list(m.children())) for m in (matrix, tiled)], [8, 8])
        check("rows of tiled scales", list(tiled.children()), list(matrix.children()))
        for row in range(130):
            for block in range(5):
                check(f"tiled scale ({row}, {block})", tiled.scale(row, block, 5), matrix.scale(row, block, 5))
        scale = matrix.scale(0, 0, 5)
        check("first row", list(matrix.children())[0][1].startswith(f"{scale:.9g} * [-4, -3, "), True)

    for line in wrong[:20]:
        print(line)
    print(f"{checked} comparisons, {len(wrong)} differ")
    gdb.execute("kill", to_string=True)
    gdb.execute(f"quit {1 if wrong or checked < 3000 else 0}")


try:
    main()
except Exception as error:  # gdb itself would end with 0
    print(f"error: {error!r}")
    gdb.execute("quit 2")
