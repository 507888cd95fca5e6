#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NVFP4 on a GPU as torch.compile makes it of the plain chain of operations, beside this library's launchers.

usage: torch_quantize.py torch_quantize.so [rows columns]      (torch_quantize.cu tells how to build the library)

Both start from the same bf16 matrix and, but for the second line, from a known amax. Codes and scales of
the chain are compared with the library's where both round to nearest; a line says how many bytes differ.
Then torchao's and fouroversix's own quantizers, where they can be imported; their bytes are not compared,
as their rules and layouts of scales are others.
"""
import ctypes
import importlib.metadata
import sys

import torch


class Side(ctypes.Structure):
    _fields_ = [("codes", ctypes.c_void_p), ("scales", ctypes.c_void_p), ("amax", ctypes.c_void_p)]


def codes_of(values: torch.Tensor) -> torch.Tensor:
    """Nearest-even to e2m1: how many thresholds a magnitude has passed."""
    size = values.abs()
    code = (size > 0.25).to(torch.uint8)
    for tie, up in ((0.75, True), (1.25, False), (1.75, True), (2.5, False), (3.5, True), (5.0, False)):
        code = code + ((size >= tie) if up else (size > tie)).to(torch.uint8)
    return code | (torch.signbit(values).to(torch.uint8) << 3)


def random_codes_of(values: torch.Tensor) -> torch.Tensor:
    """Stochastic rounding to e2m1."""
    size = values.abs().clamp(max=6.0)
    step = torch.where(size < 2, 0.5, torch.where(size < 4, 1.0, 2.0))
    rounded = torch.floor(size / step + torch.rand_like(size)) * step
    code = torch.where(rounded < 2, rounded * 2, torch.where(rounded < 4, rounded + 2, rounded / 2 + 4))
    return code.to(torch.uint8) | (torch.signbit(values).to(torch.uint8) << 3)


def packed(code: torch.Tensor) -> torch.Tensor:
    pairs = code.view(code.shape[0], -1, 2)
    return pairs[..., 0] | (pairs[..., 1] << 4)


def quantize(x: torch.Tensor, amax: torch.Tensor, round_=codes_of):
    """TransformerEngine's order of operations, each step in FP32."""
    largest = torch.finfo(torch.float32).max
    encode = 2688.0 / amax
    blocks = x.float().view(x.shape[0], -1, 16)
    scale = (blocks.abs().amax(-1) * (encode * (1.0 / 6.0))).clamp(max=448.0).to(torch.float8_e4m3fn)
    factor = (1.0 / (scale.float() * (1.0 / encode))).clamp(max=largest)
    return packed(round_((blocks * factor.unsqueeze(-1)).view(x.shape[0], -1))), scale


def with_amax(x, amax):
    return quantize(x, x.abs().amax().float())


def randomly(x, amax):
    return quantize(x, amax, random_codes_of)


def both(x, amax):
    return quantize(x, amax) + quantize(x.t().contiguous(), amax)


def both_randomly(x, amax, hadamard):
    turned = (x.t().reshape(-1, 16) @ hadamard).view(x.shape[1], x.shape[0])
    return quantize(x, amax, random_codes_of) + quantize(turned, amax, random_codes_of)


def torchao_work(x, amax):
    """name, one call, and the number of the launcher here that does as much (of fouroversix's last but an amax)"""
    from torchao.prototype.mx_formats.nvfp4_tensor import nvfp4_quantize, per_tensor_amax_to_scale

    def inside(x):
        return nvfp4_quantize(x, 16, per_tensor_amax_to_scale(x.abs().amax()))

    known, found = torch.compile(nvfp4_quantize), torch.compile(inside)
    scale = per_tensor_amax_to_scale(amax)
    yield "torchao, compiled: 1x16, nearest, amax known", lambda: known(x, 16, scale), 0
    yield "torchao, compiled: the same, amax inside", lambda: found(x), 1


def fouroversix_work(x, amax):
    from fouroversix.kernels.triton.ops import quantize_to_fp4
    from fouroversix.quantize.utils import get_rht_matrix
    from fouroversix.utils import RoundStyle, ScaleRule

    nearest = {"scale_rule": ScaleRule.static_6}
    random = {"scale_rule": ScaleRule.static_6, "round_style": RoundStyle.stochastic}
    hadamard = get_rht_matrix()
    yield "fouroversix, Triton: 1x16, nearest, amax known", lambda: quantize_to_fp4(x, amax, **nearest), 0
    yield "fouroversix, Triton: the same, amax inside", lambda: quantize_to_fp4(x, **nearest), 1
    yield "fouroversix, Triton: stochastic, amax known", lambda: quantize_to_fp4(x, amax, **random), 2
    yield "fouroversix, Triton: 4/6, amax known", lambda: quantize_to_fp4(x, amax, scale_rule=ScaleRule.mse), 5
    yield ("fouroversix, Triton: stochastic, and the transpose with Hadamard",
           lambda: (quantize_to_fp4(x, amax, **random), quantize_to_fp4(x, None, hadamard, transpose=True, **random)), 4)


def milliseconds(work) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(15):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(5):
            work()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) / 5)
    return sorted(times)[7]


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    rows, columns = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (16384, 16384)
    torch.manual_seed(1)
    x = torch.randn(rows, columns, device="cuda", dtype=torch.bfloat16)
    amax = x.abs().amax().float()
    sides = [[torch.zeros(rows * columns // 2, dtype=torch.uint8, device="cuda"),
              torch.zeros(rows * columns // 16, dtype=torch.uint8, device="cuda"), amax.clone().view(1)]
             for _ in range(2)]
    handles = [Side(*(t.data_ptr() for t in side)) for side in sides]

    def launch(kind: int) -> None:
        status = library.nibble_bench(kind, ctypes.c_void_p(x.data_ptr()), ctypes.c_longlong(rows),
                                      ctypes.c_longlong(columns), *handles,
                                      ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
        if status != 0:
            raise SystemExit(f"nibble: status {status}")

    sign = torch.tensor([1.0 if 0xD7E8 >> i & 1 == 0 else -1.0 for i in range(16)])
    index = torch.arange(16)
    signs = torch.tensor([[(-1.0) ** bin(int(i & j)).count("1") for j in index] for i in index])
    hadamard = (sign.unsqueeze(1) * signs / 4).to("cuda", torch.bfloat16)

    copy = torch.empty_like(x)
    floor = milliseconds(lambda: copy.copy_(x))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {rows} x {columns} bf16, copy {floor:.3f} ms")
    print(f"{'':44} {'torch.compile':>13} {'nibble':>9}   ratio")
    for name, chain, kind, arguments, is_compared in (
            ("1x16, nearest, amax known", quantize, 0, (x, amax), True),
            ("1x16, nearest, amax inside", with_amax, 1, (x, amax), True),
            ("1x16, stochastic", randomly, 2, (x, amax), False),
            ("both directions, nearest", both, 3, (x, amax), True),
            ("both, stochastic, Hadamard on columns", both_randomly, 4, (x, amax, hadamard), False)):
        compiled = torch.compile(chain)
        made = compiled(*arguments)
        launch(kind)
        torch.cuda.synchronize()
        note = ""
        if is_compared:
            different = sum(int((got.view(torch.uint8).flatten() != ours).sum())
                            for got, ours in zip(made, sides[0][:2] + sides[1][:2]))
            note = f"   {different} bytes differ"
        del made
        theirs, ours = milliseconds(lambda: compiled(*arguments)), milliseconds(lambda: launch(kind))
        print(f"{name:44} {theirs:10.3f} ms {ours:6.3f} ms {theirs / ours:6.1f}x{note}", flush=True)
    launch(5)
    print(f"{'4/6, amax known':44} {'':13} {milliseconds(lambda: launch(5)):6.3f} ms")
    for package, work in (("torchao", torchao_work), ("fouroversix", fouroversix_work)):
        try:
            for name, call, kind in work(x, amax):
                theirs, ours = milliseconds(call), milliseconds(lambda: launch(kind))
                print(f"{name:64} {theirs:8.3f} ms {ours:6.3f} ms {theirs / ours:6.1f}x", flush=True)
            print(f"{package} {importlib.metadata.version(package)}")
        except Exception as problem:  # another library's: it is named, and the rest goes on
            print(f"{package} does not run here: {type(problem).__name__}: {str(problem)[:200]}", flush=True)


if __name__ == "__main__":
    main()
