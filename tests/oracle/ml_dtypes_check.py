#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Compares conversions of every bf16 and fp16 pattern with ml_dtypes, an implementation that nobody
# here wrote, and with golden.py.
"""Usage: ml_dtypes_check.py            check golden.py's formats against ml_dtypes
       ml_dtypes_check.py FOLDER     check <source>_to_<target>.bin files in FOLDER (65536 bytes,
                                     byte i the code of pattern i) against both

ml_dtypes overflows to NaN or infinity where CUDA's conversions saturate, and has its own codes for
NaN: so it is asked about every pattern clamped to the target's largest number, NaN left out. Its
e8m0 rounds to nearest and refuses negatives: so it is asked about positive powers of two there.
golden.py answers for all patterns."""

import os
import sys

sys.dont_write_bytecode = True  # the tests may run from a tree that is not theirs to write
import golden

SOURCES = {"bf16": golden.BF16, "fp16": golden.FP16}
TARGETS = {
    "e2m1": (golden.E2M1, "float4_e2m1fn"),
    "e2m3": (golden.E2M3, "float6_e2m3fn"),
    "e3m2": (golden.E3M2, "float6_e3m2fn"),
    "e4m3": (golden.E4M3, "float8_e4m3fn"),
    "e5m2": (golden.E5M2, "float8_e5m2"),
    "e8m0": (golden.E8M0, "float8_e8m0fnu"),
    "ue5m3": (golden.UE5M3, None),
}


def golden_codes(source, target):
    rule = "up" if target is golden.E8M0 else "even"
    return bytes(target.encode(source.decode(pattern), rule) for pattern in range(65536))


def ml_dtypes_codes(source_name, target, type_name):
    """The pairs (pattern, code) that the rules of both have in common."""
    import ml_dtypes
    import numpy

    kind = ml_dtypes.bfloat16 if source_name == "bf16" else numpy.float16
    values = numpy.arange(65536, dtype=numpy.uint16).view(kind)
    with numpy.errstate(invalid="ignore"):  # signalling NaN
        wide = values.astype(numpy.float64)
    usable = ~numpy.isnan(wide)
    if target is golden.E8M0:
        fraction, _ = numpy.frexp(numpy.where(usable, wide, 0))
        usable &= (fraction == 0.5) & (wide <= 2.0 ** 127) & (wide >= 2.0 ** -127)
    else:
        largest = float(target.sizes[-1])
        values = numpy.clip(wide, -largest, largest).astype(kind)
    patterns = numpy.nonzero(usable)[0]
    codes = values[patterns].astype(getattr(ml_dtypes, type_name)).view(numpy.uint8)
    return list(zip(patterns.tolist(), codes.tolist()))


def report(label, wrong, count):
    text = "0 different" if not wrong else "%d DIFFERENT, first at pattern 0x%04X: %s" % (
        len(wrong), wrong[0][0], "0x%02X, expected 0x%02X" % wrong[0][1:])
    print("%s: %d compared, %s" % (label, count, text))
    return 1 if wrong or count == 0 else 0


def main(arguments):
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        sys.exit(__doc__)
    folder = arguments[0] if arguments else None
    try:
        import ml_dtypes
        import numpy
        missing = None
        print("ml_dtypes %s, numpy %s" % (ml_dtypes.__version__, numpy.__version__))
    except ImportError as error:
        missing = error
    failed = 0
    for source_name, source in SOURCES.items():
        for target_name, (target, type_name) in TARGETS.items():
            pair = "%s to %s" % (source_name, target_name)
            expected = golden_codes(source, target)
            codes, owner = expected, "golden.py"
            if folder is not None:
                owner = "the file"
                path = os.path.join(folder, "%s_to_%s.bin" % (source_name, target_name))
                try:
                    with open(path, "rb") as file:
                        codes = file.read()
                except OSError as error:
                    print("%s: %s" % (pair, error))
                    failed += 1
                    continue
                if len(codes) != 65536:
                    print("%s: %d bytes where 65536 belong" % (path, len(codes)))
                    failed += 1
                    continue
                wrong = [(i, code, right) for i, (code, right) in enumerate(zip(codes, expected))
                         if code != right]
                failed += report("%s, %s against golden.py" % (pair, owner), wrong, 65536)
            if missing is None and type_name is not None:
                theirs = ml_dtypes_codes(source_name, target, type_name)
                wrong = [(i, codes[i], code) for i, code in theirs if codes[i] != code]
                failed += report("%s, %s against ml_dtypes" % (pair, owner), wrong, len(theirs))
    if failed:
        return 1
    if missing is not None:
        print("SKIPPED the comparison with ml_dtypes: %s" % missing)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
