#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ml_dtypes' conversions in the unit of convert_bench.cpp: millions of values a second, one core.

Needs numpy and ml_dtypes (pip install ml_dtypes).
"""
import time

import ml_dtypes
import numpy

COUNT = 1 << 20


def rate(work):
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(10):
            work()
        best = max(best, 10 * COUNT / (time.perf_counter() - start) / 1e6)
    return best


def main():
    values = (numpy.random.default_rng(1).random(COUNT, numpy.float32) - 0.5) * 16
    print(f"{'ml_dtypes ' + ml_dtypes.__version__ + ', one core':34} M values/s")
    for name, dtype in (("e2m1", ml_dtypes.float4_e2m1fn), ("e4m3", ml_dtypes.float8_e4m3fn)):
        codes = values.astype(dtype)
        back = codes.astype(numpy.float32)
        if not numpy.array_equal(back.astype(dtype).view(numpy.uint8), codes.view(numpy.uint8)):
            raise SystemExit(f"{name}: codes do not survive the way to float and back")
        print(f"{'ml_dtypes float -> ' + name:34} {rate(lambda: values.astype(dtype)):9.1f}")
        print(f"{'ml_dtypes ' + name + ' -> float':34} {rate(lambda: codes.astype(numpy.float32)):9.1f}")


if __name__ == "__main__":
    main()
