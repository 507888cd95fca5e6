#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A second model of how torchao, ModelOpt and compressed-tensors make NVFP4, in exact rationals; it
# writes golden_conventions.hpp beside it.
"""Usage: golden_conventions.py            write the golden file
       golden_conventions.py --check    exit 1 unless the file is what this program would write"""

import sys
from fractions import Fraction

sys.dont_write_bytecode = True  # the tests may run from a tree that is not theirs to write
import golden
from golden import BF16, E2M1, E4M3, FP16, INFINITY, ONE, Value, bits_of, near, over, times

TYPES = {"float": None, "bf16": BF16, "fp16": FP16}
TINY = {"float": golden.power(-126), "bf16": golden.power(-126), "fp16": golden.power(-14)}


def narrowed(x, name):
    """x rounded to the type of the weights."""
    number_format = TYPES[name]
    return x if number_format is None else number_format.decode(number_format.encode(x, saturate=False))


def clamped(x, low, high):
    return Value(False, min(max(x.size, low), Fraction(high)))


def sign_by_comparison(x):
    """What asks for a sign by x < 0 sees none in -0."""
    return Value(False, x.size) if x.size == 0 else x


def multiplier(amax):
    quotient = over(amax, near(2688))
    return ONE if quotient.size == 0 else quotient


def torchao(values, amax, _):
    outer = multiplier(amax)
    b = golden.block_maximum(values)
    ideal = over(over(b, near(6)), outer)
    code = E4M3.encode(clamped(ideal, golden.power(-6), 448))
    scale = E4M3.decode(code)
    factor = over(over(ONE, outer), scale)
    codes = [E2M1.encode(times(x, factor)) for x in values]
    step = times(scale, outer)
    return outer, code, codes, [times(E2M1.decode(c), step) for c in codes]


def modelopt(values, amax, _):
    outer = multiplier(amax)
    ideal = over(golden.block_maximum(values), times(near(6), outer))
    if ideal.size == 0:
        ideal = ONE
    code = E4M3.encode(clamped(ideal, golden.power(-9), 448))
    step = times(E4M3.decode(code), outer)
    codes = [E2M1.encode(sign_by_comparison(over(x, step))) for x in values]
    return outer, code, codes, [times(E2M1.decode(c), step) for c in codes]


def compressed_tensors(values, amax, name):
    reciprocal = narrowed(over(ONE, Value(False, max(amax.size, TINY[name]))), name)
    outer = narrowed(times(reciprocal, near(2688)), name)
    if outer.size == INFINITY:
        outer = ONE
    sixth = narrowed(over(golden.block_maximum(values), near(6)), name)
    code = E4M3.encode(times(outer, sixth)) or E4M3.encode(near(Fraction(1, 8)))
    step = over(E4M3.decode(code), outer)
    codes = [E2M1.encode(sign_by_comparison(over(x, step))) for x in values]
    return outer, code, codes, [times(E2M1.decode(c), step) for c in codes]


def tensor(random, name, i):
    """A block and the amax of the tensor that it is of."""
    amax = near(random.pick([6, 3, 6, Fraction(3, 8), Fraction(1, 16), 1, 448, Fraction(1, 100)]))
    if i % 4 == 0:
        amax = near(Fraction(random.below(1 << 12) + 1, 1 << 9))
    amax = narrowed(amax, name)
    # From blocks that hold the amax down to those that no scale reaches.
    largest = amax.size * golden.power(-random.below(3 if i % 3 else 28))
    values = []
    for j in range(16):
        part = Fraction(random.below(1 << 7), 1 << 7) if random.below(5) else Fraction(random.below(13), 12)
        values.append(narrowed(near(largest * (1 if j == i % 16 else part) * random.pick([1, -1])), name))
    if i % 7 == 0:
        values[random.below(16)] = Value(True, Fraction(0))
    if i % 50 == 3:
        values = [Value(j % 2 == 1, Fraction(0)) for j in range(16)]
    return values, amax


def rows(seed, convention, name):
    result, random = [], golden.Random(seed)
    for i in range(96):
        values, amax = tensor(random, name, i)
        outer, scale, codes, restored = convention(values, amax, name)
        result.append(golden.braces([
            golden.braces(golden.hex32(bits_of(x)) for x in values), golden.hex32(bits_of(amax)),
            golden.hex32(bits_of(outer)), golden.code_word(codes), "0x%02X" % scale,
            golden.braces(golden.hex32(bits_of(x)) for x in restored)]))
    return result


def text():
    body = (
        "struct convention_block {\n  std::array<std::uint32_t, 16> values;\n  std::uint32_t amax;\n"
        "  std::uint32_t outer;\n  std::uint64_t codes;\n  std::uint8_t scale;\n"
        "  std::array<std::uint32_t, 16> restored;\n};\n\n")
    for seed, (array, convention, name) in enumerate([
            ("torchao_blocks", torchao, "float"), ("modelopt_blocks", modelopt, "float"),
            ("compressed_tensors_blocks", compressed_tensors, "float"),
            ("compressed_tensors_bf16_blocks", compressed_tensors, "bf16"),
            ("compressed_tensors_fp16_blocks", compressed_tensors, "fp16")]):
        body += golden.array("convention_block", array, rows(seed + 1, convention, name)) + "\n"
    return golden.header("NVFP4 blocks as torchao, ModelOpt and compressed-tensors make them, in exact "
                         "rationals.", body, "golden_conventions.py")


if __name__ == "__main__":
    sys.exit(golden.main({"golden_conventions.hpp": text}, __doc__, sys.argv[1:]))
