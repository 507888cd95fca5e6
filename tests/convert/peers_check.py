#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares nibble-convert with the Python libraries whose files it writes: peers_check.py PROGRAM

Says SKIPPED where PyTorch or both libraries are missing; they are not small, and CI does without."""
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    from safetensors.torch import load_file, save_file
except (ImportError, OSError) as missing:
    print("SKIPPED:", missing)
    sys.exit(0)


def compressed_tensors():
    from compressed_tensors.compressors.nvfp4 import NVFP4PackedCompressor
    from compressed_tensors.quantization import QuantizationScheme
    from compressed_tensors.quantization.quant_scheme import NVFP4
    from compressed_tensors.quantization.utils.helpers import calculate_qparams, generate_gparam

    def parts(x):
        scheme = QuantizationScheme(targets=["Linear"], weights=NVFP4["weights"])
        outer = generate_gparam(x.min(), x.max())
        blocks = x.view(x.shape[0], -1, 16)
        scale, _ = calculate_qparams(blocks.amin(-1), blocks.amax(-1), scheme.weights, outer)
        return NVFP4PackedCompressor.compress(
            {"weight": x, "weight_scale": scale, "weight_global_scale": outer}, scheme)
    return parts


def modelopt():
    from modelopt.torch.quantization.qtensor.nvfp4_tensor import NVFP4QTensor

    def parts(x):
        made, scale, outer = NVFP4QTensor.quantize(x.clone(), 16)
        return {"weight": made._quantized_data, "weight_scale": scale, "weight_scale_2": outer}
    return parts


def tensors():
    """Matrices whose scales and elements meet ties, floors and zeros."""
    random = torch.Generator().manual_seed(3)

    def normal():
        return torch.randn(256, 512, generator=random)

    per_block = torch.rand(256, 32, generator=random).repeat_interleave(16, 1)
    first = torch.tensor([0])
    return {
        "gaussian": normal(), "heavy": normal()**5, "small": normal() * 0.005,
        "amax6": (normal() * 1.2).clamp(-6, 6).index_fill(1, first, 6.0),
        "amax3_8": (normal() * 0.1).clamp(-.375, .375).index_fill(1, first, .375),
        "spread": normal() * 10.0**(-8 * per_block), "zero_blocks": normal() * (per_block > .3),
        "eighths": torch.randint(-24, 25, (256, 512), generator=random) / 8,
    }


def main(program):
    libraries = {}
    for name, make in [("modelopt", modelopt), ("compressed-tensors", compressed_tensors)]:
        try:
            libraries[name] = make()
        except (ImportError, OSError) as missing:
            print(f"{name}: left out: {missing}")
    if not libraries:
        print("SKIPPED: neither library is installed")
        return 0
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        source, out = pathlib.Path(folder, "in.safetensors"), pathlib.Path(folder, "out.safetensors")
        masters = {f"{name}.{dtype}": x.to(dtype).contiguous() for name, x in tensors().items()
                   for dtype in (torch.float32, torch.bfloat16, torch.float16)}
        save_file({f"{name}.weight": x for name, x in masters.items()}, source)
        for library, parts in libraries.items():
            subprocess.run([program, "--names", library, source, out], check=True, stdout=subprocess.DEVNULL)
            ours, compared = load_file(out), 0
            for name, x in masters.items():
                for part, theirs in parts(x).items():
                    mine = ours[f"{name}.{part}"].reshape(-1).view(torch.uint8)
                    differ = (mine != theirs.reshape(-1).view(torch.uint8)).sum().item()
                    compared += mine.numel()
                    wrong += differ
                    if differ:
                        print(f"{library}: {name}.{part}: {differ} bytes differ")
            print(f"{library}: {compared} bytes of {len(masters)} tensors compared, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
