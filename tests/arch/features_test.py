#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bugs: G1 G6
"""The table of features.hpp against the assembler, for every target.

On each target every macro has the value written here, the wrappers that the macros leave in
assemble, and of the instructions behind each macro ptxas takes all where it is 1 and none where it
is 0.  --self-test: with one wrong value in the table, the check fails.
"""
import re
import tempfile

from toolchain import EVERY_INSTRUCTION, Toolchain, arguments, finish

MACROS = "DEVICE CVT_E2M1 CVT_RS_E2M1 CVT_E4M3 MMA_F16 DPX CLUSTER WGMMA MMA_BLOCK_SCALE TCGEN05 F32X2 256_BIT_LOADS REDUX_F32 2048_THREADS".split()

#         device  e2m1  rs  e4m3  f16  dpx  cluster wgmma  mma  tcgen05  f32x2  256  redux  2048
TABLE = {
    "75":   (1,    0,    0,   0,    0,    0,    0,    0,      0,    0,    0,    0,      0,    0),
    "80":   (1,    0,    0,   0,    1,    0,    0,    0,      0,    0,    0,    0,      0,    1),
    "89":   (1,    0,    0,   1,    1,    0,    0,    0,      0,    0,    0,    0,      0,    0),
    "90":   (1,    0,    0,   1,    1,    1,    1,    0,      0,    0,    0,    0,      0,    1),
    "90a":  (1,    0,    0,   1,    1,    1,    1,    1,      0,    0,    0,    0,      0,    1),
    "100":  (1,    0,    0,   1,    1,    1,    1,    0,      0,    0,    1,    1,      0,    1),
    "100a": (1,    1,    1,   1,    1,    1,    1,    0,      0,    1,    1,    1,      1,    1),
    "100f": (1,    1,    0,   1,    1,    1,    1,    0,      0,    1,    1,    1,      1,    1),
    "103":  (1,    0,    0,   1,    1,    1,    1,    0,      0,    0,    1,    1,      0,    1),
    "103a": (1,    1,    1,   1,    1,    1,    1,    0,      0,    1,    1,    1,      1,    1),
    "103f": (1,    1,    0,   1,    1,    1,    1,    0,      0,    1,    1,    1,      1,    1),
    "110":  (1,    0,    0,   1,    1,    1,    1,    0,      0,    0,    1,    1,      0,    0),
    "110a": (1,    1,    0,   1,    1,    1,    1,    0,      0,    1,    1,    1,      0,    0),
    "110f": (1,    1,    0,   1,    1,    1,    1,    0,      0,    1,    1,    1,      0,    0),
    "120":  (1,    0,    0,   1,    1,    1,    1,    0,      0,    0,    1,    1,      0,    0),
    "120a": (1,    1,    0,   1,    1,    1,    1,    0,      1,    0,    1,    1,      0,    0),
    "120f": (1,    1,    0,   1,    1,    1,    1,    0,      1,    0,    1,    1,      0,    0),
    "121":  (1,    0,    0,   1,    1,    1,    1,    0,      0,    0,    1,    1,      0,    0),
    "121a": (1,    1,    0,   1,    1,    1,    1,    0,      1,    0,    1,    1,      0,    0),
    "121f": (1,    1,    0,   1,    1,    1,    1,    0,      1,    0,    1,    1,      0,    0),
}

# PTX has no name for what DPX stands for: ptxas makes it of an addition and a minimum. 2048_THREADS is no
# instruction.
INSTRUCTIONS = {
    "CVT_E2M1": [
        "cvt.rn.satfinite.e2m1x2.f32 b1, f1, f2;",
        "cvt.rn.f16x2.e2m1x2 r1, b1;",
        "cvt.rn.satfinite.e2m3x2.f32 h1, f1, f2;",
        "cvt.rn.f16x2.e2m3x2 r1, h1;",
        "cvt.rn.satfinite.e3m2x2.f32 h1, f1, f2;",
        "cvt.rn.f16x2.e3m2x2 r1, h1;",
        "cvt.rp.satfinite.ue8m0x2.f32 h1, f1, f2;",
        "cvt.rz.satfinite.ue8m0x2.f32 h1, f1, f2;",
        "cvt.rn.bf16x2.ue8m0x2 r1, h1;",
    ],
    "CVT_RS_E2M1": ["cvt.rs.satfinite.e2m1x4.f32 h1, {f1, f2, f3, f4}, r1;"],
    "CVT_E4M3": [
        "cvt.rn.satfinite.e4m3x2.f32 h1, f1, f2;",
        "cvt.rn.f16x2.e4m3x2 r1, h1;",
        "cvt.rn.satfinite.e5m2x2.f32 h1, f1, f2;",
        "cvt.rn.f16x2.e5m2x2 r1, h1;",
    ],
    "MMA_F16": [
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{f1, f2, f3, f4}, {r1, r2, r3, r4}, {r5, r6}, {f1, f2, f3, f4};",
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{f1, f2, f3, f4}, {r1, r2, r3, r4}, {r5, r6}, {f1, f2, f3, f4};",
        "fma.rn.bf16x2 r1, r2, r3, r4;",
        "cvt.rn.bf16x2.f32 r1, f1, f2;",
        "ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {r1, r2, r3, r4}, [d1];",
    ],
    "CLUSTER": [
        "mov.u32 r1, %cluster_ctarank;",
        "barrier.cluster.arrive.release.aligned;",
        "barrier.cluster.wait.acquire.aligned;",
        "mapa.shared::cluster.u32 r1, r2, r3;",
        "griddepcontrol.wait;",
        "griddepcontrol.launch_dependents;",
    ],
    "WGMMA": [
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 "
        "{f1, f2, f3, f4}, d1, d2, 1, 1, 1, 0, 0;",
        "wgmma.fence.sync.aligned;",
    ],
    "MMA_BLOCK_SCALE": [
        "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X"
        ".m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3 {f1, f2, f3, f4}, {r1, r2, r3, r4}, {r5, r6}, "
        "{f1, f2, f3, f4}, r7, {0, 0}, r8, {0, 0};",
        "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::2X"
        ".m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0 {f1, f2, f3, f4}, {r1, r2, r3, r4}, {r5, r6}, "
        "{f1, f2, f3, f4}, r7, {2, 1}, r8, {0, 3};",
        "mma.sync.aligned.kind::mxf8f6f4.block_scale.scale_vec::1X"
        ".m16n8k32.row.col.f32.e4m3.e2m3.f32.ue8m0 {f1, f2, f3, f4}, {r1, r2, r3, r4}, {r5, r6}, "
        "{f1, f2, f3, f4}, r7, {3, 1}, r8, {1, 3};",
    ],
    "TCGEN05": [
        "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16 "
        "[r1], d1, d2, r2, [r3], [r4], p1;",
        "tcgen05.commit.cta_group::1.mbarrier::arrive::one.b64 [d1];",
    ],
    "F32X2": [
        "add.rn.f32x2 d1, d2, d3;",
        "mul.rn.f32x2 d1, d2, d3;",
        "fma.rn.f32x2 d1, d2, d3, d4;",
    ],
    "256_BIT_LOADS": ["ld.global.v8.b32 {r1, r2, r3, r4, r5, r6, r7, r8}, [d1];"],
    "REDUX_F32": ["redux.sync.max.f32 f1, f2, r1;", "redux.sync.max.abs.NaN.f32 f1, f2, r1;"],
}

PROBE = """{version}
.target sm_{target}
.address_size 64
.visible .entry probe()
{{
  .reg .b8 b<9>; .reg .b16 h<9>; .reg .b32 r<9>; .reg .f32 f<9>; .reg .b64 d<9>; .reg .pred p<9>;
  {instruction}
  ret;
}}
"""


def reported(ptx):
    """The macro values that every_instruction.cu wrote into its PTX."""
    return {name: int(value) - 10
            for name, value in re.findall(r"value_of_NIBBLE_HAS_(\w+) = (\d+);", ptx)}


def check(tools, target, row):
    """How many checks one target took, and what they found wrong."""
    expected = dict(zip(MACROS, row))
    ptx = tools.compile(EVERY_INSTRUCTION, target)
    got = reported(ptx)
    found = [f"sm_{target}: NIBBLE_HAS_{name} must be {value}, got {got.get(name)}"
             for name, value in expected.items() if got.get(name) != value]
    message = tools.assemble(ptx, target)
    if message is not None:
        found.append(f"sm_{target}: the wrappers do not assemble:\n{message}")
    checked = len(expected) + 1

    version = re.search(r"^\.version .*$", ptx, re.MULTILINE)[0]
    for name, instructions in INSTRUCTIONS.items():
        for instruction in instructions:
            checked += 1
            message = tools.assemble(
                PROBE.format(version=version, target=target, instruction=instruction), target)
            if message is None and not expected[name]:
                found.append(f"sm_{target}: NIBBLE_HAS_{name} is 0, ptxas takes: {instruction}")
            elif message is not None and expected[name]:
                found.append(f"sm_{target}: NIBBLE_HAS_{name} is 1, ptxas refuses: {instruction}\n"
                             f"{message}")
            elif message is not None and not re.search(r"not supported on|requires .*sm_", message):
                found.append(f"sm_{target}: not refused for the target: {instruction}\n{message}")
    return checked, found


def check_bound(tools):
    """NIBBLE_ARCH_FAMILY_END closes the conversions of a family, and nothing else."""
    got = reported(tools.compile(EVERY_INSTRUCTION, "120a", "-DNIBBLE_ARCH_FAMILY_END=1200"))
    expected = dict(zip(MACROS, TABLE["120a"]), CVT_E2M1=0)
    return [] if got == expected else [f"NIBBLE_ARCH_FAMILY_END=1200 on sm_120a gives {got}"]


def main():
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        tools = Toolchain(options.nvcc, options.include, folder)
        if tools.release() < (13, 0):
            print("skipped: the table names targets of CUDA 13.0, nvcc is older")
            return
        if options.self_test:
            wrong = 0
            for index, name in enumerate(MACROS):
                row = list(TABLE["100f"])
                row[index] = 1 - row[index]
                if not check(tools, "100f", row)[1]:
                    wrong += 1
                    print(f"a wrong NIBBLE_HAS_{name} went unseen")
            finish(len(MACROS), ["the check cannot fail"] * wrong)
        total, problems = 1, check_bound(tools)
        for target, row in TABLE.items():
            checked, found = check(tools, target, row)
            total += checked
            problems += found
        finish(total, problems)


if __name__ == "__main__":
    main()
