#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ptx.cuh compiles to: which instructions, how many, which operand first, under every flag.

--self-test: each check fails on PTX with the fault that it is there to find.
"""
import re
import tempfile

from toolchain import EVERY_INSTRUCTION, EVERY_QUANTIZER, Toolchain, arguments, finish


def kernel(ptx, name):
    """The text of one kernel; "" where the target has none of that name."""
    found = re.search(rf"^\.visible \.entry {name}\(.*?^}}", ptx, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


def count(text, instruction):
    return len(re.findall(rf"(?<![\w.]){re.escape(instruction)}\s", text))


def loaded_from(text):
    """register -> index of the float or word that it was loaded from."""
    loads = re.findall(r"ld\.global\S*\s+(%\w+), \[%rd\d+(?:\+(\d+))?\];", text)
    return {register: int(offset or 0) // 4 for register, offset in loads}


def operands(text, instruction):
    """For each occurrence, the element that each float operand was loaded from."""
    origin = loaded_from(text)
    lines = re.findall(rf"{re.escape(instruction)}\s+([^;]*);", text)
    return [[origin[name] for name in re.findall(r"%\w+", line) if name in origin]
            for line in lines]


def check_flags(ptx, flags):
    """Arithmetic: one instruction a wrapper, nothing fused, nothing flushed."""
    text = kernel(ptx, "arithmetic")
    expected = {"mul.rn.f32": 2, "add.rn.f32": 2, "sub.rn.f32": 1, "div.rn.f32": 1, "fma.rn.f32": 1,
                "setp.lt.f32": 1, "setp.eq.f32": 1, "xor.b32": 1}
    for instruction, times in expected.items():
        got = count(text, instruction)
        yield got == times, f"{flags}: {got} {instruction}, need {times}"
    others = re.findall(r"\b(?:mul|add|sub|div|fma|rcp|mad|setp|neg|abs)\.[\w.]*f32", text)
    yield len(others) == sum(expected.values()) - 1, f"{flags}: other arithmetic among {others}"
    yield ".ftz" not in text, f"{flags}: an instruction flushes subnormals"


def check_counts(ptx, target, has_e2m1, has_stochastic):
    """Eight elements take four conversions where the target has them, and none elsewhere."""
    for name, instruction, times in (
            ("encode_e2m1", "cvt.rn.satfinite.e2m1x2.f32", 4 * has_e2m1),
            ("decode_e2m1", "cvt.rn.f16x2.e2m1x2", 4 * has_e2m1),
            ("encode_stochastic", "cvt.rs.satfinite.e2m1x4.f32", has_stochastic),
            ("convert_e4m3", "cvt.rn.satfinite.e4m3x2.f32", 1),
            ("convert_e4m3", "cvt.rn.f16x2.e4m3x2", 1)):
        got = count(kernel(ptx, name), instruction)
        yield got == times, f"sm_{target}: {got} {instruction} in {name}, need {times}"
        in_all = count(ptx, instruction)
        yield in_all == times, f"sm_{target}: {in_all} {instruction} in the file, need {times}"


def check_order(ptx):
    """The high element comes first in every pair, and bytes are packed from the low one up."""
    expected = {
        ("encode_e2m1", "cvt.rn.satfinite.e2m1x2.f32"): [[1, 0], [3, 2], [5, 4], [7, 6]],
        ("encode_stochastic", "cvt.rs.satfinite.e2m1x4.f32"): [[3, 2, 1, 0]],
        ("convert_e4m3", "cvt.rn.satfinite.e4m3x2.f32"): [[1, 0]],
        ("convert_e4m3", "cvt.rn.satfinite.e5m2x2.f32"): [[3, 2]],
        ("convert_others", "cvt.rn.satfinite.e2m3x2.f32"): [[1, 0]],
        ("convert_others", "cvt.rn.satfinite.e3m2x2.f32"): [[3, 2]],
        ("convert_others", "cvt.rp.satfinite.ue8m0x2.f32"): [[5, 4]],
        ("convert_others", "cvt.rz.satfinite.ue8m0x2.f32"): [[7, 6]],
    }
    for (name, instruction), order in expected.items():
        got = operands(kernel(ptx, name), instruction)
        yield got == order, f"{instruction} in {name} takes elements {got}, need {order}"
    packed = re.findall(r"cvt\.rn\.satfinite\.e2m1x2\.f32 (b\d),", kernel(ptx, "encode_e2m1"))
    moved = re.search(r"mov\.b32 %\w+, \{(.*?)\};", kernel(ptx, "encode_e2m1"))
    got = moved[1].split(", ") if moved else []
    yield got == packed, f"the codes are packed as {got}, need {packed}"
    text = kernel(ptx, "decode_e2m1")
    split = re.search(r"mov\.b32 \{(.*?)\}, %\w+;", text)
    halves = re.findall(r"cvt\.rn\.f16x2\.e2m1x2 (%\w+), (b\d);", text)
    stored = re.findall(r"st\.global\S*\s+\[%rd\d+(?:\+(\d+))?\], (%\w+);", text)
    place = {register: int(offset or 0) // 4 for offset, register in stored}
    got = [place.get(register) for register, _ in halves]
    from_bytes = [split[1].split(", ").index(byte) for _, byte in halves] if split else []
    yield got == from_bytes == [0, 1, 2, 3], f"bytes {from_bytes} are decoded to words {got}"


def check_mma(ptx, target, has_block_scale):
    """One product each; words of A, B and scales in order, the accumulator first and last."""
    a_and_b = [[0, 1, 2, 3], [4, 5]]
    products = [("multiply_halves", "f16.f16.f32", a_and_b, []),
                ("multiply_halves", "bf16.bf16.f32", a_and_b, []),
                ("multiply_digits", "s8.s8.s32", a_and_b, [])]
    formats = ("e4m3", "e5m2", "e2m3", "e3m2", "e2m1") if has_block_scale else ()
    products += [("multiply_bytes", f"{a}.{b}.f32.ue8m0", a_and_b, [(6, "2, 1"), (7, "1, 3")])
                 for a in formats for b in formats]
    if has_block_scale:
        products += [("multiply_nvfp4", "e2m1.e2m1.f32.ue4m3", a_and_b, [(6, "0, 1"), (7, "0, 3")]),
                     ("multiply_mxfp4", "e2m1.e2m1.f32.ue8m0", a_and_b, [(6, "2, 1"), (7, "0, 3")])]
    for name, types, words, scales in products:
        text = kernel(ptx, name)
        origin = loaded_from(text)
        sums = types.split(".")[2]
        lines = re.findall(rf"mma\.sync\.\S*\.row\.col\.{sums}\.{re.escape(types)} ([^;]*);", text)
        groups = [group.split(", ") for group in re.findall(r"\{([^}]*)\}", lines[0])] if lines else []
        got = [[origin.get(register) for register in group] for group in groups[1:3]]
        yield len(lines) == 1 and got == words, f"sm_{target}: {name}, {types} takes words {got}"
        yield bool(groups) and groups[0] == groups[3], f"sm_{target}: {name}, {types} moves its sums"
        got = [(origin.get(register), selector) for register, selector in
               re.findall(r"(%r\d+), \{(\d, \d)\}", lines[0] if lines else "")]
        yield got == scales, f"sm_{target}: {name}, {types} takes scales {got}, need {scales}"
    got = len(re.findall(r"mma\.sync\.\S*block_scale", ptx))
    yield got == 27 * has_block_scale, f"sm_{target}: {got} products with block scales"


def check_quantizer(ptx, target, has_e2m1):
    """The library reaches the instruction: a block of 16 takes eight, where the target has them."""
    got = count(kernel(ptx, "nvfp4_rows"), "cvt.rn.satfinite.e2m1x2.f32")
    yield got == 8 * has_e2m1, f"sm_{target}: {got} conversions in a block, need {8 * has_e2m1}"


FLAGS = ["-O3", "--use_fast_math", "-ftz=true", "-fmad=true", "-prec-div=false"]

SELF_TEST = [
    (lambda ptx: check_flags(ptx, "fault"), "mul.rn.f32", "mul.rn.ftz.f32"),
    (lambda ptx: check_flags(ptx, "fault"), "div.rn.f32", "div.full.f32"),
    (lambda ptx: check_flags(ptx, "fault"), "add.rn.f32", "fma.rn.f32"),
    (lambda ptx: check_counts(ptx, "fault", 1, 1), "cvt.rn.satfinite.e2m1x2.f32", "call"),
    (lambda ptx: check_counts(ptx, "fault", 0, 0), "", ""),
    (check_order, "{b0, b1, b2, b3};", "{b3, b2, b1, b0};"),
    (check_order, "+4];", "+8];"),
    (lambda ptx: check_quantizer(ptx, "fault", 1), "", ""),
    (lambda ptx: check_mma(ptx, "fault", 1), "", ""),
    (lambda ptx: check_mma(ptx, "fault", 0), "+16];", "+12];"),
    (lambda ptx: check_mma(ptx, "fault", 0), "f32.bf16.bf16.f32", "f32.f16.bf16.f32"),
]


def main():
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        tools = Toolchain(options.nvcc, options.include, folder)
        if tools.release() < (13, 0):
            print("skipped: the PTX is that of CUDA 13.0, nvcc is older")
            return
        if options.self_test:
            ptx = tools.compile(EVERY_INSTRUCTION, "100a")
            unseen = [f"{text} for {fault} is not seen" for check, text, fault in SELF_TEST
                      if all(ok for ok, _ in check(ptx.replace(text, fault)))]
            finish(len(SELF_TEST), unseen)
        results = []
        for target, has_block_scale in (
                ("80", 0), ("90a", 0), ("103a", 0), ("120", 0), ("120a", 1), ("120f", 1), ("121a", 1)):
            results += check_mma(tools.compile(EVERY_INSTRUCTION, target), target, has_block_scale)
        for target, has_e2m1, has_stochastic in (
                ("90a", 0, 0), ("100", 0, 0), ("100a", 1, 1), ("100f", 1, 0), ("103a", 1, 1),
                ("110a", 1, 0), ("120", 0, 0), ("120a", 1, 0), ("121f", 1, 0)):
            ptx = tools.compile(EVERY_INSTRUCTION, target)
            results += check_counts(ptx, target, has_e2m1, has_stochastic)
            if target == "100a":
                results += check_order(ptx)
        for target, has_e2m1 in (("90a", 0), ("100a", 1), ("120a", 1)):
            ptx = tools.compile(EVERY_QUANTIZER, target)
            results += check_quantizer(ptx, target, has_e2m1)
        for target in ("80", "90a", "120a"):
            for flag in FLAGS:
                ptx = tools.compile(EVERY_INSTRUCTION, target, flag)
                results += check_flags(ptx, f"sm_{target} {flag}")
        finish(len(results), [message for ok, message in results if not ok])


if __name__ == "__main__":
    main()
