#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A second model of the number formats, of NVFP4 blocks and of Philox, in exact rationals and
# sharing nothing with the C++ one; it writes the golden_*.hpp files beside it.
"""Usage: golden.py            write the golden files
       golden.py --check    exit 1 unless the files are what this program would write"""

import bisect
import os
import sys
from fractions import Fraction

HERE = os.path.dirname(os.path.abspath(__file__))
INFINITY = "infinity"
NAN = "nan"


class Value:
    """A real number or a special one, with its sign (zeros have one too)."""

    __slots__ = ("negative", "size")

    def __init__(self, negative, size):
        self.negative = bool(negative)
        self.size = size  # Fraction, INFINITY or NAN

    def finite(self):
        return isinstance(self.size, Fraction)

    def signed(self):
        return -self.size if self.negative else self.size


def power(exponent):
    return Fraction(2) ** exponent


# ---------------------------------------------------------------- formats


class Format:
    """Codes and values; encoding looks at distances between rationals only."""

    def __init__(self, name, exponent_bits, mantissa_bits, bias, signed=True, nan="none"):
        self.name = name
        self.signed = signed
        self.nan = nan
        self.count = 1 << (exponent_bits + mantissa_bits)
        self.top = self.count - 1
        self.values = {}
        for code in range(self.count):
            field, fraction = divmod(code, 1 << mantissa_bits)
            if nan == "powers":
                if code != self.top:
                    self.values[code] = power(code - bias)
                continue
            if nan == "last" and code == self.top:
                continue
            if nan == "ieee" and field == (1 << exponent_bits) - 1:
                continue
            part = Fraction(fraction, 1 << mantissa_bits)
            if field == 0:
                self.values[code] = part * power(1 - bias)
            else:
                self.values[code] = (1 + part) * power(field - bias)
        self.ordered = sorted((value, code) for code, value in self.values.items())
        self.sizes = [value for value, code in self.ordered]

    def encode(self, x, rule="even", saturate=True):
        """rule: even, zero or up (in magnitude)."""
        if x.size == NAN:
            return self.top
        if x.negative and not self.signed and self.nan != "powers":
            return 0
        sign = self.count if x.negative and self.signed else 0
        largest, largest_code = self.ordered[-1]
        infinite = largest_code + 1  # infinity, or NaN in a format without infinity
        if x.size == INFINITY:
            return sign | (largest_code if saturate or self.nan == "none" else infinite)
        at = bisect.bisect_right(self.sizes, x.size)
        if at == 0:
            return sign | self.ordered[0][1]
        low, low_code = self.ordered[at - 1]
        if low == x.size:
            return sign | low_code
        if at == len(self.sizes):
            if saturate or self.nan == "none":
                return sign | low_code
            high = largest + (largest - self.sizes[-2])
            high_code = infinite
        else:
            high, high_code = self.ordered[at]
        if rule == "zero":
            return sign | low_code
        if rule == "up":
            return sign | high_code
        toward_low, toward_high = x.size - low, high - x.size
        if toward_low == toward_high:
            return sign | (low_code if low_code % 2 == 0 else high_code)
        return sign | (low_code if toward_low < toward_high else high_code)

    def decode(self, code):
        negative = self.signed and code >= self.count
        size = self.values.get(code % self.count)
        if size is None:
            size = NAN
            if self.nan == "ieee" and code % self.count == self.ordered[-1][1] + 1:
                size = INFINITY
        return Value(negative, size)


E2M1 = Format("e2m1", 2, 1, 1)
E1M2 = Format("e1m2", 1, 2, 1)
INT4 = Format("int4", 1, 2, -1)
E2M3 = Format("e2m3", 2, 3, 1)
E3M2 = Format("e3m2", 3, 2, 3)
E4M3 = Format("e4m3", 4, 3, 7, nan="last")
E5M2 = Format("e5m2", 5, 2, 15, nan="ieee")
E8M0 = Format("e8m0", 8, 0, 127, signed=False, nan="powers")
UE5M3 = Format("ue5m3", 5, 3, 15, signed=False, nan="last")
FP16 = Format("fp16", 5, 10, 15, nan="ieee")
BF16 = Format("bf16", 8, 7, 127, nan="ieee")

# ---------------------------------------------------------------- binary32


def floor_log2(x):
    """The exponent e with 2^e <= x < 2^(e+1), from integers."""
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if power(e) <= x else e - 1


def rounded(negative, size):
    """The binary32 value nearest to a nonnegative rational, ties to even."""
    if size == 0:
        return Value(negative, Fraction(0))
    unit = power(max(floor_log2(size) - 23, -149))
    result = round(size / unit) * unit  # round() of a Fraction goes to the even integer
    return Value(negative, INFINITY if result >= power(128) else result)


def bits_of(x):
    sign = 0x80000000 if x.negative else 0
    if x.size == NAN:
        return 0x7FC00000
    if x.size == INFINITY:
        return sign | 0x7F800000
    if x.size == 0:
        return sign
    e = floor_log2(x.size)
    if e < -126:
        return sign | int(x.size / power(-149))
    return sign | (e + 127) << 23 | int((x.size / power(e) - 1) * power(23))


def value_of(bits):
    negative, field, fraction = bits >> 31, bits >> 23 & 255, bits & 0x7FFFFF
    if field == 255:
        return Value(negative, NAN if fraction else INFINITY)
    if field == 0:
        return Value(negative, fraction * power(-149))
    return Value(negative, (1 + Fraction(fraction, 1 << 23)) * power(field - 127))


def near(number):
    """The binary32 value of a rational or of text such as 1e-38."""
    number = Fraction(number)
    return rounded(number < 0, abs(number))


def times(a, b):
    sign = a.negative != b.negative
    if NAN in (a.size, b.size):
        return Value(False, NAN)
    if INFINITY in (a.size, b.size):
        return Value(False, NAN) if 0 in (a.size, b.size) else Value(sign, INFINITY)
    return rounded(sign, a.size * b.size)


def over(a, b):
    sign = a.negative != b.negative
    if NAN in (a.size, b.size):
        return Value(False, NAN)
    if a.size == INFINITY:
        return Value(False, NAN) if b.size == INFINITY else Value(sign, INFINITY)
    if b.size == INFINITY:
        return Value(sign, Fraction(0))
    if b.size == 0:
        return Value(False, NAN) if a.size == 0 else Value(sign, INFINITY)
    return rounded(sign, a.size / b.size)


def plus(a, b):
    total = a.signed() + b.signed()
    if total == 0:
        return Value(a.negative and b.negative, Fraction(0))
    return rounded(total < 0, abs(total))


def at_most(x, bound):
    """fminf for a nonnegative x: NaN and infinity become the bound."""
    return x if x.finite() and x.size <= bound.size else bound


ONE = near(1)
LARGEST = value_of(0x7F7FFFFF)
SIXTH = near(Fraction(1, 6))

# ---------------------------------------------------------------- NVFP4


class Block:
    pass


def tensor_scales(amax, bound=448):
    encode = at_most(over(near(6 * bound), amax), LARGEST)
    if amax.size == 0 or encode.size == 0:
        encode = ONE
    return encode, over(ONE, encode), times(encode, SIXTH)


def block_maximum(values):
    best = Fraction(0)
    for x in values:
        if x.size == INFINITY:
            return Value(False, INFINITY)
        if x.size != NAN:
            best = max(best, x.size)
    return Value(False, best)


def quantize(amax_bits, value_bits, block_max=None):
    r = Block()
    r.amax, r.values = amax_bits, value_bits
    amax = value_of(amax_bits)
    values = [value_of(bits) for bits in value_bits]
    encode, decode, multiplier = tensor_scales(amax)
    s = at_most(times(block_max or block_maximum(values), multiplier), LARGEST)
    r.scale = E4M3.encode(s)
    q = E4M3.decode(r.scale)
    p = times(q, decode)
    enc = at_most(over(ONE, p), LARGEST)
    r.steps = [bits_of(v) for v in (encode, decode, multiplier, s, p, enc)]
    scaled = [times(x, enc) for x in values]
    r.scaled = [bits_of(y) for y in scaled]
    r.codes = [E2M1.encode(y) for y in scaled]
    factor = times(times(q, amax), over(ONE, near(2688)))
    r.restored = [bits_of(times(E2M1.decode(c), factor)) for c in r.codes]
    return r


def four_over_six(amax_bits, value_bits, metric, bound):
    r = Block()
    r.amax, r.values, r.metric, r.bound = amax_bits, value_bits, metric, bound
    amax = value_of(amax_bits)
    values = [value_of(bits) for bits in value_bits]
    encode, decode, _ = tensor_scales(amax, bound)
    base = times(over(block_maximum(values), near(6)), encode)
    tries = []
    for scale in (base, times(base, near(Fraction(3, 2)))):
        byte = E4M3.encode(at_most(scale, near(448)))
        q = E4M3.decode(byte)
        enc = at_most(over(ONE, times(q, decode)), LARGEST)
        codes = [E2M1.encode(times(x, enc)) for x in values]
        error = near(0)
        for x, code in zip(values, codes):
            v = over(times(times(E2M1.decode(code), q), amax), near(6 * bound))
            d = plus(v, Value(not x.negative, x.size))
            if metric == "maximum":
                error = Value(False, max(error.size, d.size))
            else:
                term = times(d, d) if metric == "squared" else Value(False, d.size)
                error = plus(error, term)
        tries.append((error, byte, codes))
    r.four = tries[1][0].size < tries[0][0].size
    r.errors = [bits_of(t[0]) for t in tries]
    _, r.scale, r.codes = tries[1 if r.four else 0]
    return r


# ---------------------------------------------------------------- Philox4x32


def philox(counter, key, rounds):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            second >> 32 ^ c1 ^ k0, second & 0xFFFFFFFF,
            first >> 32 ^ c3 ^ k1, first & 0xFFFFFFFF)
        k0, k1 = k0 + 0x9E3779B9 & 0xFFFFFFFF, k1 + 0xBB67AE85 & 0xFFFFFFFF
    return [c0, c1, c2, c3]


PHILOX_INPUTS = [
    ([0] * 4, [0] * 2),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]),
]
# Random123's published answers for ten rounds: this program refuses to write others.
PHILOX_PUBLISHED = [
    [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8],
    [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
    [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
]

# ---------------------------------------------------------------- what to write


class Random:
    """An own generator, so that the files depend on no library's sequence."""

    def __init__(self, seed):
        self.state = seed

    def next(self, bits=32):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        mixed = self.state ^ self.state >> 29
        return mixed * 0x9FB21C651E98DF25 % (1 << 64) >> (64 - bits)

    def below(self, count):
        return self.next() * count >> 32

    def pick(self, choices):
        return choices[self.below(len(choices))]


def middles(number_format):
    sizes = number_format.sizes
    return [(a + b) / 2 for a, b in zip(sizes, sizes[1:])]


def with_neighbours(bits):
    return [b for b in (bits - 1, bits, bits + 1) if 0 <= b <= 0x7F800001]


def conversion_inputs():
    chosen = set()
    for number_format in (E2M1, E4M3):
        for size in middles(number_format) + number_format.sizes:
            chosen.update(with_neighbours(bits_of(near(size))))
    for size in (448, 464, 480, 512, 61440, 65504):
        chosen.update(with_neighbours(bits_of(near(size))))
    for exponent in range(-149, 128, 3):
        chosen.update(with_neighbours(bits_of(near(power(exponent)))))
    chosen.update([0, 1, 2, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FBFFFFF,
                   0x7FC00000, 0x7FFFFFFF])
    random = Random(1)
    for _ in range(250):  # all over the pattern space
        chosen.add(random.next(31))
    for _ in range(250):  # where e2m1 changes
        chosen.add(0x3D000000 + random.below(0x04000000))
    for _ in range(400):  # where e4m3 changes
        chosen.add(0x3A000000 + random.below(0x0A000000))
    return sorted(chosen) + sorted(0x80000000 | bits for bits in chosen)


def stochastic_inputs():
    chosen = set()
    for size in E2M1.sizes + middles(E2M1):
        chosen.update(with_neighbours(bits_of(near(size))))
    for low, high in zip(E2M1.sizes, E2M1.sizes[1:]):
        for numerator in range(1, 64):  # fractions that end on a boundary of the 8-bit rule
            chosen.update(with_neighbours(
                bits_of(near(low + (high - low) * Fraction(4 * numerator + 1, 256)))))
    random = Random(2)
    while len(chosen) < 1507:
        chosen.add(0x38000000 + random.below(0x08D00000))
    return sorted(chosen)


def stochastic_row(bits):
    x = value_of(bits)
    low, high = E2M1.encode(x, "zero"), E2M1.encode(x, "up")
    if low == high:
        return bits, low, high, 0
    bottom, top = E2M1.values[low], E2M1.values[high]
    return bits, low, high, int((x.size - bottom) / (top - bottom) * (1 << 24))


def floats(*numbers):
    return [bits_of(near(n)) for n in numbers]


WORKED = [0, 0, Fraction("0.1015625"), Fraction("-0.203125"), Fraction("0.5"), Fraction("-0.75"),
          1, Fraction("-1.25"), Fraction("1.5"), -2, Fraction("2.5"), -3, Fraction("0.015625"),
          Fraction("3.1875"), Fraction("-0.0078125"), Fraction("0.34375")]


def worked_blocks():
    """The examples with published intermediate values, then blocks on exact ties."""
    rows = []
    worked = floats(*WORKED)
    worked[1] = 0x80000000
    rows.append((floats(Fraction(15, 2))[0], worked))

    def padded(*first):
        return floats(*first) + [0] * (16 - len(first))

    rows.append((floats(Fraction(3, 8))[0], padded(Fraction(9, 2048), Fraction(-9, 4096))))
    rows.append((floats(Fraction(1, 16))[0],
                 padded(Fraction(3, 256) / 7168, Fraction("4.76837158203125e-07"))))
    rows.append((floats("1e-38")[0], padded("1e-38", "5e-39")))
    for block_max in ("2688", "2783.9", "1392", "1393", "6", "0.01171875", "0.0058593755",
                      "0.005859375", "0"):
        rows.append((floats(2688)[0], padded(block_max, Fraction(block_max) / 3)))
    rows.append((0, [0, 0x80000000] * 8))
    rows.append((0x7F800000, padded(1, -2, 3)))
    rows.append((floats(2)[0], [0x7FC00000] * 16))
    rows.append((floats(2)[0], padded(1, -2) [:14] + [0xFFC00001, 0x3E000000]))
    rows.append((0x7F7F0000, [0x7F7F0000, 0xFF7F0000] * 8))
    rows.append((0x00000001, [0x00000001, 0x80000001, 0, 0x80000000] * 4))

    random = Random(3)
    structured = [6, 3, Fraction(3, 8), 2688, 1, Fraction(15, 2), 448, Fraction(1, 16),
                  Fraction(13, 16), 65504]
    scale_middles = middles(E4M3)
    element_middles = middles(E2M1)
    while len(rows) < 64:
        amax = near(random.pick(structured)) if random.below(4) else value_of(
            0x00000100 + random.below(0x7F000000))
        block_max = near(random.pick(scale_middles) * amax.size / 448)
        b = bits_of(block_max)
        if b > 2:
            b += random.below(3) - 1
        scale = E4M3.encode(at_most(times(value_of(b), tensor_scales(amax)[2]), LARGEST))
        values = []
        for _ in range(16):
            target = random.pick(element_middles) * E4M3.values[scale] * amax.size / 2688
            bits = max(bits_of(near(target)) + random.below(3) - 1, 0)
            values.append(min(bits, b) | random.below(2) << 31)
        values[random.below(16)] = b | random.below(2) << 31
        rows.append((bits_of(amax), values))
    return [quantize(*row) for row in rows]


def four_over_six_rows():
    example = floats(*[Fraction(text) for text in (
        "4 3.90625 2.09375 -1.8984375 1 0.8984375 -3.09375 2.953125 0.400390625 -0.6015625 "
        "1.6015625 -1.3984375 3 -2 0.10009765625 -4").split()])
    rows = []
    for bound in (256, 448):
        for metric in ("squared", "absolute", "maximum"):
            rows.append(four_over_six(floats(16)[0], example, metric, bound))
            rows.append(four_over_six(floats(6)[0], floats(*([6, -3, 0, 3] * 4)), metric, bound))
    random = Random(4)
    while len(rows) < 48:
        amax = floats(random.pick([6, 3, 16, 1, Fraction(15, 2), 448]))[0]
        values = []
        for _ in range(16):
            values.append(max(amax - (random.below(6) << 23) - random.next(23), 0)
                          | random.below(2) << 31)
        rows.append(four_over_six(amax, values, random.pick(["squared", "absolute", "maximum"]),
                                  random.pick([256, 448])))
    return rows


def tile_example():
    """T[i][j] = (i+1)(j+1)/64 with T[3][5] = -5 under amax 6."""
    values = [[Fraction((i + 1) * (j + 1), 64) for j in range(16)] for i in range(16)]
    values[3][5] = Fraction(-5)
    rows = [quantize(bits_of(near(6)), floats(*row), block_max=near(5)) for row in values]
    return rows


# ---------------------------------------------------------------- C++ text


def hex32(bits):
    return "0x%08X" % bits


def braces(items):
    return "{" + ", ".join(items) + "}"


def code_word(codes):
    """The sixteen codes as one number, element 0 lowest."""
    return "0x%016X" % sum(code << 4 * index for index, code in enumerate(codes))


def header(purpose, body, program="golden.py"):
    return (
        "// SPDX-License-Identifier: Apache-2.0\n"
        "// %s\n"
        "// Written by %s; a test compares.\n"
        "#pragma once\n\n"
        "#include <array>\n#include <cstdint>\n\n"
        "// clang-format off\n"
        "namespace golden {\n\n%s\n}  // namespace golden\n// clang-format on\n" % (purpose, program, body))


def array(kind, name, rows, per_line=1):
    lines = []
    for start in range(0, len(rows), per_line):
        lines.append("    " + ", ".join(rows[start:start + per_line]))
    return "inline constexpr std::array<%s, %d> %s{{\n%s}};\n" % (
        kind, len(rows), name, ",\n".join(lines))


def conversions_file():
    rows = []
    for bits in conversion_inputs():
        x = value_of(bits)
        rows.append("{0x%08X,0x%X,0x%02X}" % (bits, E2M1.encode(x), E4M3.encode(x)))
    body = ("struct conversion {\n  std::uint32_t bits;\n  std::uint8_t e2m1;\n"
            "  std::uint8_t e4m3;\n};\n\n" + array("conversion", "conversions", rows, 4))
    return header("Binary32 patterns and their e2m1 and e4m3 codes: nearest even, saturating.",
                  body)


def stochastic_file():
    rows = ["{0x%08X,%d,%d,0x%06X}" % stochastic_row(bits) for bits in stochastic_inputs()]
    body = (
        "/// away_from_zero / 2^24 (rounded down) is the fraction of the step from low to high;\n"
        "/// of the words of B bits, away_from_zero >> (24 - B) round to high.\n"
        "struct stochastic_rounding {\n  std::uint32_t bits;\n  std::uint8_t low;\n"
        "  std::uint8_t high;\n  std::uint32_t away_from_zero;\n};\n\n"
        + array("stochastic_rounding", "stochastic_roundings", rows, 3))
    return header("Stochastic rounding to e2m1: neighbours and fraction of each magnitude.", body)


def block_row(r):
    return "{%s, %s,\n     %s, 0x%02X, %s,\n     %s}" % (
        hex32(r.amax), braces([hex32(v) for v in r.values]), ", ".join(map(hex32, r.steps)),
        r.scale, code_word(r.codes), braces([hex32(v) for v in r.restored]))


def blocks_file():
    parts = [
        "/// codes: element 0 in the lowest nibble.\n"
        "struct worked_block {\n  std::uint32_t amax;\n  std::array<std::uint32_t, 16> values;\n"
        "  std::uint32_t tensor_encode;      // S_enc\n"
        "  std::uint32_t tensor_decode;      // S_dec\n"
        "  std::uint32_t tensor_multiplier;  // M\n"
        "  std::uint32_t block_scale;        // s\n"
        "  std::uint32_t product;            // p\n"
        "  std::uint32_t block_encode;       // enc\n"
        "  std::uint8_t scale;\n  std::uint64_t codes;\n"
        "  std::array<std::uint32_t, 16> restored;\n};\n",
        array("worked_block", "worked_blocks", [block_row(r) for r in worked_blocks()]),
        "/// A 16x16 tile's rows under one scale: T[i][j] = (i+1)(j+1)/64, T[3][5] = -5, amax 6.",
        array("worked_block", "worked_tile", [block_row(r) for r in tile_example()]),
    ]
    names = {"squared": 0, "absolute": 1, "maximum": 2}
    rows = []
    for r in four_over_six_rows():
        rows.append("{%s, %s,\n     %d, %d, %s, %s, %s, 0x%02X, %s}" % (
            hex32(r.amax), braces([hex32(v) for v in r.values]), names[r.metric], r.bound,
            "true" if r.four else "false", hex32(r.errors[0]), hex32(r.errors[1]), r.scale,
            code_word(r.codes)))
    parts += [
        "/// metric: 0 squared, 1 absolute, 2 maximum error.\n"
        "struct four_over_six_block {\n  std::uint32_t amax;\n"
        "  std::array<std::uint32_t, 16> values;\n  int metric;\n  std::uint32_t bound;\n"
        "  bool map_to_four;\n  std::uint32_t error_of_six;\n  std::uint32_t error_of_four;\n"
        "  std::uint8_t scale;\n  std::uint64_t codes;\n};\n",
        array("four_over_six_block", "four_over_six_blocks", rows),
    ]
    scales = []
    for text in ("0", "1e-45", "1e-38", "7.9e-36", "1", "448", "65504", "0.375", "7.5", "2688"):
        scales.append(near(text))
    scales += [value_of(bits) for bits in (0x7F7F0000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000)]
    rows = [braces([hex32(bits_of(v)) for v in (amax,) + tensor_scales(amax)]) for amax in scales]
    parts += [
        "struct tensor_scale {\n  std::uint32_t amax;\n  std::uint32_t encode;\n"
        "  std::uint32_t decode;\n  std::uint32_t multiplier;\n};\n",
        array("tensor_scale", "tensor_scales", rows),
    ]
    rows = []
    for first, second in (("7.5", "0.8125"), ("1", "1"), ("6", "0.375"), ("65504", "1e-3"),
                          ("2688", "2688"), ("1e-20", "1e-20"), ("3.1", "0.7"), ("11", "13")):
        a, b = near(first), near(second)
        inverse = over(ONE, near(7225344))
        rows.append(braces([hex32(bits_of(v)) for v in (
            a, b, times(times(times(ONE, a), b), inverse))]))
    parts += [
        "struct product_scale {\n  std::uint32_t amax_a;\n  std::uint32_t amax_b;\n"
        "  std::uint32_t alpha;\n};\n",
        array("product_scale", "product_scales", rows),
    ]
    return header("NVFP4 worked out in exact rationals with the stated roundings.",
                  "\n".join(parts))


def philox_file():
    rows = []
    for rounds in (10, 7):
        for index, (counter, key) in enumerate(PHILOX_INPUTS):
            answer = philox(counter, key, rounds)
            if rounds == 10 and answer != PHILOX_PUBLISHED[index]:
                sys.exit("golden.py: philox does not give Random123's published answer")
            rows.append("{%d, %s, %s,\n     %s}" % (
                rounds, braces(map(hex32, counter)), braces(map(hex32, key)),
                braces(map(hex32, answer))))
    # Other published sequences: seed 1234 at blocks of subsequence 0 and 1. Then our own: one bit of a counter or a
    # key alone, which tells exchanged words, and each word another, by both numbers of rounds.
    others = [(10, [0, 0, subsequence, 0], [1234, 0]) for subsequence in (0, 1)]
    for rounds in (10, 7):
        for word in range(6):
            for bit in (0, 9, 31):
                inputs = [1 << bit if word == i else 0 for i in range(6)]
                others.append((rounds, inputs[:4], inputs[4:]))
        for row in range(22):
            inputs = [(0x9E3779B9 * (6 * row + i + 1) ^ 0x85EBCA6B >> i) & 0xFFFFFFFF for i in range(6)]
            others.append((rounds, inputs[:4], inputs[4:]))
    for rounds, counter, key in others:
        rows.append("{%d, %s, %s,\n     %s}" % (
            rounds, braces(map(hex32, counter)), braces(map(hex32, key)),
            braces(map(hex32, philox(counter, key, rounds)))))
    body = ("struct philox_answer {\n  int rounds;\n  std::array<std::uint32_t, 4> counter;\n"
            "  std::array<std::uint32_t, 2> key;\n  std::array<std::uint32_t, 4> words;\n};\n\n"
            + array("philox_answer", "philox_answers", rows))
    return header("Philox4x32 known answers: Random123's inputs at 10 and 7 rounds, then others.",
                  body)


FILES = {
    "golden_conversions.hpp": conversions_file,
    "golden_stochastic.hpp": stochastic_file,
    "golden_blocks.hpp": blocks_file,
    "golden_philox.hpp": philox_file,
}


def main(files, usage, arguments):
    """Writes the files, name: function that makes the text, or with --check compares them: the exit status."""
    if arguments not in ([], ["--check"]):
        sys.exit(usage)
    failed = 0
    for name, make in files.items():
        path = os.path.join(HERE, name)
        text = make().encode()
        if arguments:
            try:
                with open(path, "rb") as file:
                    equal = file.read() == text
            except OSError:
                equal = False
            print("%s: %s" % (name, "as written" if equal else "DIFFERS"))
            failed += not equal
        else:
            with open(path, "wb") as file:
                file.write(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(FILES, __doc__, sys.argv[1:]))
