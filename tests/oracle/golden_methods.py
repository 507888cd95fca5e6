#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A second model of MS-EDEN, of blocks with two tables, of UE5M3 scales and of MXFP4 at three quarters,
# in exact rationals and sharing nothing with the C++ one; it writes golden_methods.hpp beside it.
"""Usage: golden_methods.py            write the golden file
       golden_methods.py --check    exit 1 unless the file is what this program would write"""

import sys
from fractions import Fraction

sys.dont_write_bytecode = True  # the tests may run from a tree that is not theirs to write
import golden
from golden import (E2M1, E4M3, INT4, LARGEST, ONE, SIXTH, UE5M3, Value, at_most, bits_of, near,
                    over, plus, times)


def numbers(random, count, spread):
    """Floats of a few bits, with zeros, over some binades, now and then a far larger one."""
    result = []
    for _ in range(count):
        kind = random.below(16)
        size = Fraction(random.below(1 << 11)) * golden.power(-random.below(spread) - 8)
        if kind == 0:
            size = Fraction(0)
        if kind == 1:
            size *= 16
        result.append(Value(random.below(2) == 1, size))
    return result


def maximum(values):
    return Value(False, max(x.size for x in values))


def scale_and_encode(values, encode, decode, number_format):
    """Scale code, its value and what values are multiplied with: the order of scaling::amax."""
    ideal = at_most(times(maximum(values), times(encode, SIXTH)), LARGEST)
    code = number_format.encode(ideal)
    scale = number_format.decode(code)
    return code, scale, at_most(over(ONE, times(scale, decode)), LARGEST)


# ---------------------------------------------------------------- MS-EDEN


def stochastic_e4m3(x, random, bits):
    """Up where the discarded fraction, cut to some bits, and the random number carry."""
    low = E4M3.encode(x, rule="zero")
    if E4M3.values[low] == x.size or low == E4M3.ordered[-1][1]:
        return low
    below, above = E4M3.values[low], E4M3.values[low + 1]
    fraction = (x.size - below) / (above - below) * 2 ** bits
    return low + 1 if int(fraction) + random >= 2 ** bits else low


def eden(values, amax, index, seed, stream, bits=16):
    encode = at_most(over(near(6 * 256), amax), LARGEST)
    if amax.size == 0 or encode.size == 0:
        encode = ONE
    decode = over(ONE, encode)
    codes, scales = [], []
    squares = products = near(0)
    for b in range(8):
        block = values[16 * b:16 * b + 16]
        _, scale, factor = scale_and_encode(block, encode, decode, E4M3)
        scales.append(scale)
        block_squares = block_products = near(0)
        for value in block:
            code = E2M1.encode(times(value, factor))
            codes.append(code)
            x, q = times(value, encode), times(E2M1.decode(code), scale)
            block_squares = plus(block_squares, times(x, x))
            block_products = plus(block_products, times(x, q))
        squares, products = plus(squares, block_squares), plus(products, block_products)
    ratio = ONE
    if products.size > 0 and not products.negative:
        ratio = over(squares, products)
    call = index // 128 | 1 << 63
    words = golden.philox([call & 0xFFFFFFFF, call >> 32, stream & 0xFFFFFFFF, stream >> 32],
                          [seed & 0xFFFFFFFF, seed >> 32], 10)
    corrected = [stochastic_e4m3(times(scale, ratio), words[b // 2] >> 16 * (b % 2) & 0xFFFF, bits)
                 for b, scale in enumerate(scales)]
    return codes, corrected, ratio


# ---------------------------------------------------------------- two tables


def if4_encode(scaled, tag):
    if tag == 0:
        return E2M1.encode(scaled)
    return INT4.encode(times(scaled, near(Fraction(7, 1) / 6)))


def if4_value(code, tag):
    return E2M1.decode(code) if tag == 0 else times(INT4.decode(code), near(Fraction(6, 7)))


def razer_value(code, tag):
    return Value(tag == 1, Fraction(5)) if code == 8 else E2M1.decode(code)


def razer_encode(scaled, tag):
    """The nearest of all sixteen; the special one only if it is strictly nearer, zero without a sign."""
    ordinary = E2M1.encode(scaled)
    if ordinary == 8:
        ordinary = 0
    distance = abs(E2M1.decode(ordinary).signed() - scaled.signed())
    return 8 if abs(razer_value(8, tag).signed() - scaled.signed()) < distance else ordinary


def adaptive(values, amax, encode_one, value_of_one):
    encode, decode, _ = golden.tensor_scales(amax)
    scale_code, scale, factor = scale_and_encode(values, encode, decode, E4M3)
    multiplier = times(times(scale, amax), over(ONE, near(2688)))
    tries = []
    for tag in (0, 1):
        codes = [encode_one(times(x, factor), tag) for x in values]
        error = near(0)
        for x, code in zip(values, codes):
            d = plus(times(value_of_one(code, tag), multiplier), Value(not x.negative, x.size))
            error = plus(error, times(d, d))
        tries.append((error, codes))
    tag = 1 if tries[1][0].size < tries[0][0].size else 0
    restored = [times(value_of_one(code, tag), multiplier) for code in tries[tag][1]]
    return scale_code | tag << 7, tries[tag][1], restored


# ---------------------------------------------------------------- what to write


def row(*parts):
    return "{" + ", ".join(parts) + "}"


def floats(values):
    return golden.braces(golden.hex32(bits_of(x)) for x in values)


def words(codes):
    return golden.braces(golden.code_word(codes[i:i + 16]) for i in range(0, len(codes), 16))


def eden_rows():
    rows, random = [], golden.Random(2026)
    for i in range(24):
        values = [] if i else numbers(random, 128, 1)
        while len(values) < 128:  # blocks of different sizes, some far below the rest
            shift = golden.power(-random.below(6 if i % 3 else 20))
            values += [Value(x.negative, x.size * shift) for x in numbers(random, 16, 4)]
        amax = times(maximum(values), near(random.pick([1, 1, 2, 37])))
        index = 128 * random.below(1 << 30)
        codes, scales, ratio = eden(values, amax, index, 5, 6)
        rows.append(row(floats(values), golden.hex32(bits_of(amax)), str(index), words(codes),
                        golden.braces("0x%02X" % s for s in scales), golden.hex32(bits_of(ratio))))
    return rows


def block_rows(seed, encode_one, value_of_one):
    rows, random = [], golden.Random(seed)
    for i in range(48):
        values = numbers(random, 16, 1 if i % 2 else 5)
        if i == 0:
            values = [Value(j % 2 == 1, Fraction(0)) for j in range(16)]
        amax = times(maximum(values), near(random.pick([1, 3, 100]))) if i else near(7)
        scale, codes, restored = adaptive(values, amax, encode_one, value_of_one)
        rows.append(row(floats(values), golden.hex32(bits_of(amax)), golden.code_word(codes),
                        "0x%02X" % scale, floats(restored)))
    return rows


def ue5m3_rows():
    rows, random = [], golden.Random(53)
    for i in range(32):
        shift = golden.power(i - 20)
        values = [Value(x.negative, x.size * shift) for x in numbers(random, 16, 4)]
        code, scale, factor = scale_and_encode(values, ONE, ONE, UE5M3)
        codes = [E2M1.encode(times(x, factor)) for x in values]
        restored = [times(E2M1.decode(c), scale) for c in codes]
        rows.append(row(floats(values), golden.hex32(0), golden.code_word(codes), "0x%02X" % code,
                        floats(restored)))
    return rows


def mxfp4_rows():
    rows, random = [], golden.Random(34)
    for i in range(32):
        values = [Value(x.negative, x.size * golden.power(3 * i - 40)) for x in numbers(random, 32, 4)]
        exponent = golden.floor_log2(maximum(values).size) - 2
        factor = near(Fraction(3, 4) * golden.power(-exponent))
        codes = [E2M1.encode(times(x, factor)) for x in values]
        multiplier = times(near(golden.power(exponent)), near(Fraction(4, 3)))
        restored = [times(E2M1.decode(c), multiplier) for c in codes]
        rows.append(row(floats(values), words(codes), "0x%02X" % (exponent + 127), floats(restored)))
    return rows


def text():
    body = (
        "struct eden_row {\n  std::array<std::uint32_t, 128> values;\n  std::uint32_t amax;\n"
        "  std::uint64_t index;\n  std::array<std::uint64_t, 8> codes;\n"
        "  std::array<std::uint8_t, 8> scales;\n  std::uint32_t ratio;\n};\n"
        "struct small_block {\n  std::array<std::uint32_t, 16> values;\n  std::uint32_t amax;\n"
        "  std::uint64_t codes;\n  std::uint8_t scale;\n  std::array<std::uint32_t, 16> restored;\n};\n"
        "struct wide_block {\n  std::array<std::uint32_t, 32> values;\n"
        "  std::array<std::uint64_t, 2> codes;\n  std::uint8_t scale;\n"
        "  std::array<std::uint32_t, 32> restored;\n};\n\n"
        + golden.array("eden_row", "eden_rows", eden_rows()) + "\n"
        + golden.array("small_block", "if4_blocks", block_rows(4, if4_encode, if4_value)) + "\n"
        + golden.array("small_block", "razer_blocks", block_rows(8, razer_encode, razer_value)) + "\n"
        + golden.array("small_block", "ue5m3_blocks", ue5m3_rows()) + "\n"
        + golden.array("wide_block", "mxfp4_blocks", mxfp4_rows()))
    return golden.header("MS-EDEN, blocks of two tables, UE5M3 scales, MXFP4 at 3/4, in exact rationals.", body,
                         "golden_methods.py")


if __name__ == "__main__":
    sys.exit(golden.main({"golden_methods.hpp": text}, __doc__, sys.argv[1:]))
