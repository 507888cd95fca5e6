# SPDX-License-Identifier: Apache-2.0
"""Shows numbers, blocks and quantized matrices in gdb as what they are worth.

    (gdb) source share/nibble/nibble_gdb.py          (or put the line into ~/.gdbinit)
    (gdb) print block
    $1 = 192 * [0, 0, -0.5, 0.5, 1, -1.5, 2, -2, 3, -4, 4, -6, 1, 6, 0, 0.5]
    (gdb) print block.scale
    $2 = 192 (0x74)

The format of a number is read from the name of its base class, so types of your own work too.
"""
import math
import re

import gdb
import gdb.printing

SPECIALS = {"none": 0, "nan_only": 1, "infinity_nan": 2}
MOST_ROWS, MOST_COLUMNS = 8, 64


class Format:
    """A nibble::format::float_format, as the debug information spells it in a class's name."""

    def __init__(self, base_name):
        fields = re.search(r"\{(.*)\}", base_name).group(1).split(", ")
        exponent, mantissa, bias, special, is_signed, has_zero = fields
        self.exponent_bits, self.mantissa_bits, self.bias = int(exponent), int(mantissa), int(bias)
        word = re.search(r"\w+$", special).group(0)
        self.special = SPECIALS[word] if word in SPECIALS else int(word)
        self.is_signed, self.has_zero = is_signed == "true", has_zero == "true"
        self.width = self.exponent_bits + self.mantissa_bits + self.is_signed

    def value(self, code):
        magnitude_mask = (1 << (self.exponent_bits + self.mantissa_bits)) - 1
        magnitude = code & magnitude_mask
        sign = -1.0 if self.is_signed and code > magnitude_mask else 1.0
        exponent, mantissa = magnitude >> self.mantissa_bits, magnitude & ((1 << self.mantissa_bits) - 1)
        if self.special == 1 and magnitude == magnitude_mask:
            return math.nan
        if self.special == 2 and exponent == (1 << self.exponent_bits) - 1:
            return sign * math.inf if mantissa == 0 else math.nan
        if exponent > 0 or not self.has_zero:
            mantissa += 1 << self.mantissa_bits
        else:
            exponent = 1
        return sign * math.ldexp(mantissa, exponent - self.bias - self.mantissa_bits)


def format_of(number_type):
    for field in number_type.strip_typedefs().fields():
        if field.is_base_class and field.type.name.startswith("nibble::number<"):
            return Format(field.type.name)
    return None


def text(value):
    return f"{value:.9g}"


def number_value(number):
    return format_of(number.type).value(int(number["bits_"]))


def packed_codes(bytes_of, count, width, first=0):
    """The codes of `count` elements from element `first` on; bytes_of[i] is byte i."""
    for i in range(first, first + count):
        bit = i * width
        window = int(bytes_of[bit // 8])
        if bit % 8 + width > 8:
            window |= int(bytes_of[bit // 8 + 1]) << 8
        yield window >> (bit % 8) & ((1 << width) - 1)


def packed_values(packed):
    element = packed.type.strip_typedefs().template_argument(0)
    count = int(packed.type.strip_typedefs().template_argument(1))
    known = format_of(element)
    return [known.value(code) for code in packed_codes(packed["bytes_"], count, known.width)]


def tagged_values(block):
    """The values of a block whose scale chooses a table: of those that the library has."""
    table = block.type.strip_typedefs().template_argument(0).name
    tag = int(block["scale"]["bits_"]) >> 7
    values, codes = packed_values(block["codes"]), packed_codes(block["codes"]["bytes_"], 16, 4)
    if table == "nibble::e2m1_or_int4" and tag:
        return [(code & 7) * (-6 / 7 if code & 8 else 6 / 7) for code in codes]
    if table == "nibble::e2m1_with_five":
        return [(-5.0 if tag else 5.0) if code == 8 else value for code, value in zip(codes, values)]
    return values


def scale_value(scale):
    if scale.type.strip_typedefs().code == gdb.TYPE_CODE_FLT:
        return float(scale)
    if scale.type.strip_typedefs().name == "nibble::tagged_e4m3":
        magnitude = int(scale["bits_"]) & 0x7F
        return Format("{4, 3, 7, 1, true, true}").value(magnitude)
    return number_value(scale)


class NumberPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{text(number_value(self.value))} ({int(self.value['bits_']):#x})"


class PackedPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "[" + ", ".join(text(x) for x in packed_values(self.value)) + "]"


class BlockPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        is_tagged = self.value.type.strip_typedefs().name.startswith("nibble::adaptive_block<")
        values = tagged_values(self.value) if is_tagged else packed_values(self.value["codes"])
        return f"{text(scale_value(self.value['scale']))} * [{', '.join(text(x) for x in values)}]"


class QuantizedMatrixPrinter:
    """The shape, and as children the first blocks of the first rows."""

    def __init__(self, value):
        self.value = value
        self.shape = value["shape_"]
        block = value.type.strip_typedefs().template_argument(0).strip_typedefs()
        self.is_tagged = block.name.startswith("nibble::adaptive_block<")
        packed = next(f.type for f in block.fields() if f.name == "codes").strip_typedefs()
        self.size, self.format = int(packed.template_argument(1)), format_of(packed.template_argument(0))
        self.is_tiled = value.type.strip_typedefs().template_argument(1).name.endswith("scale_tile_128x4")
        self.is_plain = value.type.strip_typedefs().template_argument(1).name.endswith("layout_right")

    def to_string(self):
        return f"{int(self.shape['rows'])} x {int(self.shape['columns'])} in blocks of {self.size}"

    def scale(self, row, block, blocks):
        rows, scale_rows = int(self.shape["rows"]), int(self.shape["scale_rows"])
        if scale_rows < rows:
            row //= self.size
        index = row * blocks + block
        if self.is_tiled:  # 128 rows x 4 scales: four groups of 32 rows side by side
            tile = row // 128 * -(-blocks // 4) + block // 4
            index = tile * 512 + row % 32 * 16 + row % 128 // 32 * 4 + block % 4
        return scale_value((self.value["scales_"]["_M_impl"]["_M_start"] + index).dereference())

    def children(self):
        if self.is_tagged or not (self.is_tiled or self.is_plain):
            return
        rows, columns = int(self.shape["rows"]), int(self.shape["columns"])
        blocks = -(-columns // self.size)
        codes = self.value["codes_"]["_M_impl"]["_M_start"]
        for row in range(min(rows, MOST_ROWS)):
            parts = []
            for block in range(min(blocks, max(1, MOST_COLUMNS // self.size))):
                first = (row * blocks + block) * self.size
                count = min(self.size, columns - block * self.size)
                values = (self.format.value(c) for c in packed_codes(codes, count, self.format.width, first))
                scale = text(self.scale(row, block, blocks))
                parts.append(f"{scale} * [{', '.join(text(x) for x in values)}]")
            yield f"row {row}", ", ".join(parts)


def printer_of(value):
    plain = value.type.strip_typedefs()
    if plain.code != gdb.TYPE_CODE_STRUCT or plain.name is None:
        return None
    for prefix, printer in (("nibble::packed<", PackedPrinter), ("nibble::block<", BlockPrinter),
                            ("nibble::adaptive_block<", BlockPrinter),
                            ("nibble::quantized_matrix<", QuantizedMatrixPrinter)):
        if plain.name.startswith(prefix):
            return printer(value)
    return NumberPrinter(value) if format_of(plain) else None


printer_of.name = "nibble"
printer_of.enabled = True
gdb.printing.register_pretty_printer(None, printer_of, replace=True)
