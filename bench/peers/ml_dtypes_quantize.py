#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NVFP4 with ml_dtypes and numpy, one thread: what a Python user has today, for quantize_bench.

Reads bf16 values (raw, little-endian) from the file named first; rows of as many columns as the second
argument says. Prints one line a peer: name, million elements a second, and a digest of its scales and
packed codes, so that the caller can compare bytes, or "-" where there are none.
"""
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402


def digest(scales: np.ndarray, codes: np.ndarray) -> int:
    """FNV-1a over the scale bytes, then the packed code bytes."""
    value = 0xCBF29CE484222325
    for byte in scales.tobytes() + codes.tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def quantize(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """TransformerEngine's order of operations, each step in FP32."""
    one = np.float32(1)
    values = x.astype(np.float32).reshape(-1, 16)
    amax = np.abs(values).max()
    encode = np.float32(448 * 6) / amax
    decode = one / encode
    block_amax = np.abs(values).max(axis=1)
    scales = (block_amax * (encode * (one / np.float32(6)))).astype(ml_dtypes.float8_e4m3fn)
    with np.errstate(divide="ignore"):
        factor = one / (scales.astype(np.float32) * decode)
    factor = np.minimum(factor, np.finfo(np.float32).max)
    codes = (values * factor[:, None]).astype(ml_dtypes.float4_e2m1fn).view(np.uint8)
    packed = codes[:, 0::2] | codes[:, 1::2] << 4
    return scales.view(np.uint8), packed


def best(work, budget: float) -> float:
    seconds, begin = float("inf"), time.process_time()
    runs = 0
    while runs < 3 or time.process_time() - begin < budget:
        start = time.process_time()
        work()
        seconds = min(seconds, time.process_time() - start)
        runs += 1
    return seconds


def main() -> None:
    columns = int(sys.argv[2])
    x = np.fromfile(sys.argv[1], dtype=ml_dtypes.bfloat16).reshape(-1, columns)
    scales, codes = quantize(x)
    small = slice(0, 1 << 12)  # the digest is a loop in Python
    rate = x.size / best(lambda: quantize(x), 1.0) / 1e6
    print(f"ml_dtypes {rate:.1f} {digest(scales[small], codes[small]):016x}")
    f32 = x.astype(np.float32)
    rate = x.size / best(lambda: f32.astype(ml_dtypes.float4_e2m1fn), 0.3) / 1e6
    print(f"ml_dtypes-cast-only {rate:.1f} -")
    rate = x.size / best(lambda: f32.copy(), 0.3) / 1e6
    print(f"numpy-copy-fp32 {rate:.1f} -")


main()
