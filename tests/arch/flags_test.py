#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No flag of nvcc changes a bit of what quantizers and number types compute on a device.

The PTX of every_quantizer.cu must be the same text under each flag that lets the compiler flush
subnormals, fuse a product with a sum, or divide less exactly.  --self-test: code written with the
language's own operators differs under each of them.
"""
import difflib
import pathlib
import tempfile

from toolchain import EVERY_QUANTIZER, Toolchain, arguments, finish

FLAGS = {
    "90a": ["--use_fast_math", "-ftz=true", "-fmad=false", "-prec-div=false"],
    "120a": ["--use_fast_math"],
}
CARELESS = """
extern "C" __global__ void careless(float const* in, float* out) {
  out[0] = in[0] * in[1] + in[2];
  out[1] = in[3] / in[4];
  out[2] = in[5] < in[6] ? 1.0f : 0.0f;
}
"""


def code(ptx):
    """PTX without what may differ between two runs of one command: comments and empty lines."""
    return [line for line in ptx.splitlines() if line.strip() and not line.startswith("//")]


def check(tools, source, target, flags):
    plain = code(tools.compile(source, target))
    for flag in flags:
        other = code(tools.compile(source, target, flag))
        kernel, differences = "", []
        for line in difflib.unified_diff(plain, other, lineterm="", n=10**6):
            if ".entry" in line:
                kernel = line.split(".entry")[1].strip(" (")
            elif line[:1] == "+" and line[:3] != "+++":
                differences.append(f"  {kernel}: {' '.join(line[1:].split())}")
        yield not differences and plain == other, (
            f"sm_{target} {flag}: {len(differences)} lines differ\n" + "\n".join(differences[:20]))


def main():
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        tools = Toolchain(options.nvcc, options.include, folder)
        if options.self_test:
            source = pathlib.Path(folder) / "careless.cu"
            source.write_text(CARELESS)
            results = list(check(tools, source, "90a", FLAGS["90a"]))
            finish(len(results), [f"unseen: {message}" for ok, message in results if ok])
        results = [result for target, flags in FLAGS.items()
                   for result in check(tools, EVERY_QUANTIZER, target, flags)]
        finish(len(results), [message for ok, message in results if not ok])


if __name__ == "__main__":
    main()
