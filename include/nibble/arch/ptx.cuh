// SPDX-License-Identifier: Apache-2.0
// One function per PTX instruction, named after it: the only file with device assembly.
//
// Operands are in element order: element 0 comes first and lands in the lowest bits, although the
// instructions take the high element first. A function whose instruction not every target has
// exists only where its macro of features.hpp is 1; callers keep a portable branch beside it.
// Conversions and arithmetic are not volatile: equal operands may share a result. What reads memory
// or the other lanes of a warp is. Only built-in types, so that run-time compilation needs no
// header. Source of all: PTX ISA 9.0, sections "Data Movement and Conversion Instructions: cvt",
// "Floating-Point Instructions" and "Warp Level Matrix Multiply-Accumulate Instructions".
#pragma once

#if !defined(__CUDACC__)
#error "nibble/arch/ptx.cuh holds PTX: it needs a CUDA compiler"
#endif

#include "nibble/arch/features.hpp"

namespace nibble::arch::ptx {

// Arithmetic, on every target. The suffix .rn keeps ptxas from fusing a product with a sum; the
// absence of .ftz keeps subnormals. nvcc's own operators and __fmul_rn and its kin lose one or
// both under --use_fast_math. A NaN result is 0x7fffffff whatever the operands.

/// The product, rounded to nearest even.
/// rule    mul.rn.f32 d, a, b;
__device__ __forceinline__ float mul_rn_f32(float a, float b) {
  float d;
  asm("mul.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// The sum, rounded to nearest even.
/// rule    add.rn.f32 d, a, b;
__device__ __forceinline__ float add_rn_f32(float a, float b) {
  float d;
  asm("add.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// The difference a - b, rounded to nearest even.
/// rule    sub.rn.f32 d, a, b;
__device__ __forceinline__ float sub_rn_f32(float a, float b) {
  float d;
  asm("sub.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// The quotient a / b, rounded to nearest even.
/// rule    div.rn.f32 d, a, b;
__device__ __forceinline__ float div_rn_f32(float a, float b) {
  float d;
  asm("div.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// a * b + c, rounded once to nearest even.
/// rule    fma.rn.f32 d, a, b, c;
__device__ __forceinline__ float fma_rn_f32(float a, float b, float c) {
  float d;
  asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(a), "f"(b), "f"(c));
  return d;
}

/// bf16 bits of a float, rounded to nearest even; NaN becomes 0x7fff.
/// rule    cvt.rn.bf16.f32 d, a; every target from sm_80 on.
__device__ __forceinline__ unsigned short cvt_rn_bf16_f32(float a) {
  unsigned short d;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(d) : "f"(a));
  return d;
}

/// The sum, rounded toward zero.
/// rule    add.rz.f32 d, a, b;
__device__ __forceinline__ float add_rz_f32(float a, float b) {
  float d;
  asm("add.rz.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// a * b + c, rounded once toward zero.
/// rule    fma.rz.f32 d, a, b, c;
__device__ __forceinline__ float fma_rz_f32(float a, float b, float c) {
  float d;
  asm("fma.rz.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(a), "f"(b), "f"(c));
  return d;
}

/// |a|; NaN becomes 0x7fffffff.
/// rule    abs.f32 d, a; ptxas makes it part of the instruction that uses it.
__device__ __forceinline__ float abs_f32(float a) {
  float d;
  asm("abs.f32 %0, %1;" : "=f"(d) : "f"(a));
  return d;
}

/// The larger of a and |b|; a NaN loses against a number.
/// rule    abs.f32 t, b; max.f32 d, a, t;
__device__ __forceinline__ float max_abs_f32(float a, float b) {
  float d;
  asm("{ .reg .f32 t; abs.f32 t, %2; max.f32 %0, %1, t; }" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// The larger of a and |b|; NaN where either is NaN.
/// rule    abs.f32 t, b; max.NaN.f32 d, a, t; sm_80 and up.
__device__ __forceinline__ float max_nan_abs_f32(float a, float b) {
  float d;
  asm("{ .reg .f32 t; abs.f32 t, %2; max.NaN.f32 %0, %1, t; }" : "=f"(d) : "f"(a), "f"(b));
  return d;
}

/// Is a below b? False where either is NaN.
/// rule    setp.lt.f32 p, a, b; under --use_fast_math the operator < takes subnormals for zeros.
__device__ __forceinline__ bool setp_lt_f32(float a, float b) {
  unsigned int d;
  asm("{ .reg .pred p; setp.lt.f32 p, %1, %2; selp.u32 %0, 1, 0, p; }" : "=r"(d) : "f"(a), "f"(b));
  return d != 0;
}

/// Are a and b equal in value? True for the two zeros, false where either is NaN.
/// rule    setp.eq.f32 p, a, b; under --use_fast_math the operator == takes subnormals for zeros.
__device__ __forceinline__ bool setp_eq_f32(float a, float b) {
  unsigned int d;
  asm("{ .reg .pred p; setp.eq.f32 p, %1, %2; selp.u32 %0, 1, 0, p; }" : "=r"(d) : "f"(a), "f"(b));
  return d != 0;
}

/// a * b, all 64 bits of it.
/// rule    mul.wide.u32 d, a, b; one instruction, where the operator on widened operands takes two.
__device__ __forceinline__ unsigned long long mul_wide_u32(unsigned int a, unsigned int b) {
  unsigned long long d;
  asm("mul.wide.u32 %0, %1, %2;" : "=l"(d) : "r"(a), "r"(b));
  return d;
}

/// The bits of a with those of b flipped.
/// rule    xor.b32 d, a, b; nvcc turns the operator ^ of a float's bits and a constant sign bit
/// into
///         neg.f32, which under --use_fast_math is neg.ftz.f32 and loses subnormals.
__device__ __forceinline__ unsigned int xor_b32(unsigned int a, unsigned int b) {
  unsigned int d;
  asm("xor.b32 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}

#if NIBBLE_HAS_CVT_E4M3

/// Two e4m3 codes, nearest even: `low` in bits 7:0, `high` in bits 15:8.
/// rule    cvt.rn.satfinite.e4m3x2.f32 d, high, low; sm_89 and up. Overflow and infinity to 448
///         with the sign (0x7e, 0xfe); NaN of either sign to 0x7f; zeros keep their sign.
__device__ __forceinline__ unsigned short cvt_rn_satfinite_e4m3x2_f32(float low, float high) {
  unsigned short d;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  return d;
}

/// Two halves, exact: the code in bits 7:0 to bits 15:0, the one in bits 15:8 to bits 31:16.
/// rule    cvt.rn.f16x2.e4m3x2 d, a; sm_89 and up. A NaN code gives the half 0x7fff.
__device__ __forceinline__ unsigned int cvt_rn_f16x2_e4m3x2(unsigned short codes) {
  unsigned int d;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(d) : "h"(codes));
  return d;
}

/// Two e5m2 codes, nearest even: `low` in bits 7:0, `high` in bits 15:8.
/// rule    cvt.rn.satfinite.e5m2x2.f32 d, high, low; sm_89 and up. Overflow and infinity to 57344
///         with the sign (0x7b, 0xfb); NaN of either sign to 0x7f; zeros keep their sign.
__device__ __forceinline__ unsigned short cvt_rn_satfinite_e5m2x2_f32(float low, float high) {
  unsigned short d;
  asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  return d;
}

/// Two halves, exact: the code in bits 7:0 to bits 15:0, the one in bits 15:8 to bits 31:16.
/// rule    cvt.rn.f16x2.e5m2x2 d, a; sm_89 and up. A NaN code gives the half 0x7fff.
__device__ __forceinline__ unsigned int cvt_rn_f16x2_e5m2x2(unsigned short codes) {
  unsigned int d;
  asm("cvt.rn.f16x2.e5m2x2 %0, %1;" : "=r"(d) : "h"(codes));
  return d;
}

#endif  // NIBBLE_HAS_CVT_E4M3

#if NIBBLE_HAS_CVT_E2M1

/// Eight e2m1 codes in one register, nearest even: x[i] in bits 4i+3 to 4i.
/// rule    four cvt.rn.satfinite.e2m1x2.f32 d, x[2i+1], x[2i]; (the first operand to bits 7:4) and
///         one mov.b32; sm_100a, 100f, 103a, 103f, 110a, 110f, 120a, 120f, 121a, 121f. Overflow and
///         infinity to 6 with the sign; NaN of either sign to +6 (0x7); zeros and what rounds to
///         zero keep the sign. One block, because no asm constraint is 8 bits wide.
__device__ __forceinline__ unsigned int cvt_rn_satfinite_e2m1x8_f32(float const (&x)[8]) {
  unsigned int d;
  asm("{\n\t"
      ".reg .b8 b0, b1, b2, b3;\n\t"
      "cvt.rn.satfinite.e2m1x2.f32 b0, %2, %1;\n\t"
      "cvt.rn.satfinite.e2m1x2.f32 b1, %4, %3;\n\t"
      "cvt.rn.satfinite.e2m1x2.f32 b2, %6, %5;\n\t"
      "cvt.rn.satfinite.e2m1x2.f32 b3, %8, %7;\n\t"
      "mov.b32 %0, {b0, b1, b2, b3};\n\t"
      "}"
      : "=r"(d)
      : "f"(x[0]), "f"(x[1]), "f"(x[2]), "f"(x[3]), "f"(x[4]), "f"(x[5]), "f"(x[6]), "f"(x[7]));
  return d;
}

/// Eight halves from the eight e2m1 codes of one register, exact: halves[i] holds element 2i in
/// bits 15:0 and element 2i+1 in bits 31:16.
/// rule    one mov.b32 and four cvt.rn.f16x2.e2m1x2 d, b; targets as the encoder's. -0 stays -0.
__device__ __forceinline__ void cvt_rn_f16x2_e2m1x2(unsigned int codes, unsigned int (&halves)[4]) {
  asm("{\n\t"
      ".reg .b8 b0, b1, b2, b3;\n\t"
      "mov.b32 {b0, b1, b2, b3}, %4;\n\t"
      "cvt.rn.f16x2.e2m1x2 %0, b0;\n\t"
      "cvt.rn.f16x2.e2m1x2 %1, b1;\n\t"
      "cvt.rn.f16x2.e2m1x2 %2, b2;\n\t"
      "cvt.rn.f16x2.e2m1x2 %3, b3;\n\t"
      "}"
      : "=r"(halves[0]), "=r"(halves[1]), "=r"(halves[2]), "=r"(halves[3])
      : "r"(codes));
}

/// Two e2m3 codes, nearest even: `low` in bits 5:0, `high` in bits 13:8, zeros above each.
/// rule    cvt.rn.satfinite.e2m3x2.f32 d, high, low; targets as e2m1's. Overflow and infinity to
///         7.5 with the sign (0x1f, 0x3f); NaN of either sign to +7.5.
__device__ __forceinline__ unsigned short cvt_rn_satfinite_e2m3x2_f32(float low, float high) {
  unsigned short d;
  asm("cvt.rn.satfinite.e2m3x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  return d;
}

/// Two halves, exact: the code in bits 5:0 to bits 15:0, the one in bits 13:8 to bits 31:16.
/// rule    cvt.rn.f16x2.e2m3x2 d, a; targets as e2m1's.
__device__ __forceinline__ unsigned int cvt_rn_f16x2_e2m3x2(unsigned short codes) {
  unsigned int d;
  asm("cvt.rn.f16x2.e2m3x2 %0, %1;" : "=r"(d) : "h"(codes));
  return d;
}

/// Two e3m2 codes, nearest even: `low` in bits 5:0, `high` in bits 13:8, zeros above each.
/// rule    cvt.rn.satfinite.e3m2x2.f32 d, high, low; targets as e2m1's. Overflow and infinity to 28
///         with the sign (0x1f, 0x3f); NaN of either sign to +28.
__device__ __forceinline__ unsigned short cvt_rn_satfinite_e3m2x2_f32(float low, float high) {
  unsigned short d;
  asm("cvt.rn.satfinite.e3m2x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  return d;
}

/// Two halves, exact: the code in bits 5:0 to bits 15:0, the one in bits 13:8 to bits 31:16.
/// rule    cvt.rn.f16x2.e3m2x2 d, a; targets as e2m1's.
__device__ __forceinline__ unsigned int cvt_rn_f16x2_e3m2x2(unsigned short codes) {
  unsigned int d;
  asm("cvt.rn.f16x2.e3m2x2 %0, %1;" : "=r"(d) : "h"(codes));
  return d;
}

/// Two e8m0 codes, rounded away from zero to a power of two: `low` in bits 7:0, `high` in 15:8.
/// rule    cvt.rp.satfinite.ue8m0x2.f32 d, high, low; targets as e2m1's. The sign is dropped; above
///         2^127 and infinity give 0xfe; NaN gives 0xff; zero gives 0x00.
__device__ __forceinline__ unsigned short cvt_rp_satfinite_ue8m0x2_f32(float low, float high) {
  unsigned short d;
  asm("cvt.rp.satfinite.ue8m0x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  return d;
}

/// Two e8m0 codes, rounded toward zero to a power of two: `low` in bits 7:0, `high` in 15:8.
/// rule    cvt.rz.satfinite.ue8m0x2.f32 d, high, low; otherwise as cvt_rp_satfinite_ue8m0x2_f32.
__device__ __forceinline__ unsigned short cvt_rz_satfinite_ue8m0x2_f32(float low, float high) {
  unsigned short d;
  asm("cvt.rz.satfinite.ue8m0x2.f32 %0, %1, %2;" : "=h"(d) : "f"(high), "f"(low));
  return d;
}

/// Two bf16, exact: the code in bits 7:0 to bits 15:0, the one in bits 15:8 to bits 31:16.
/// rule    cvt.rn.bf16x2.ue8m0x2 d, a; targets as e2m1's. Code 0 is the subnormal 2^-127 (0x0040),
///         code 0xff a NaN (0x7fff).
__device__ __forceinline__ unsigned int cvt_rn_bf16x2_ue8m0x2(unsigned short codes) {
  unsigned int d;
  asm("cvt.rn.bf16x2.ue8m0x2 %0, %1;" : "=r"(d) : "h"(codes));
  return d;
}

#endif  // NIBBLE_HAS_CVT_E2M1

#if NIBBLE_HAS_CVT_RS_E2M1

/// Four e2m1 codes, rounded stochastically: x[i] in bits 4i+3 to 4i.
/// rule    cvt.rs.satfinite.e2m1x4.f32 d, {x[3], x[2], x[1], x[0]}, random; sm_100a and sm_103a.
///         The low bytes of the two 16-bit halves of `random` serve elements 0 and 1, the high
///         bytes elements 2 and 3. Which byte serves which element, and in which bit order, is not
///         documented: examples/blackwell_self_test measures it. NaN and overflow as the
///         nearest-even encoder.
/// bits    outside the promise of equal bytes.
__device__ __forceinline__ unsigned short cvt_rs_satfinite_e2m1x4_f32(float const (&x)[4],
                                                                      unsigned int random) {
  unsigned short d;
  asm("cvt.rs.satfinite.e2m1x4.f32 %0, {%4, %3, %2, %1}, %5;"
      : "=h"(d)
      : "f"(x[0]), "f"(x[1]), "f"(x[2]), "f"(x[3]), "r"(random));
  return d;
}

#endif  // NIBBLE_HAS_CVT_RS_E2M1

#if NIBBLE_HAS_MMA_F16

/// The products of two pairs of halves, rounded to nearest even.
/// rule    mul.rn.f16x2 d, a, b; subnormals are kept.
__device__ __forceinline__ unsigned int mul_rn_f16x2(unsigned int a, unsigned int b) {
  unsigned int d;
  asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}

/// The products of two pairs of bf16, rounded to nearest even.
/// rule    fma.rn.bf16x2 d, a, b, -0; mul.bf16x2 itself is sm_90's. Subnormals are kept.
__device__ __forceinline__ unsigned int mul_rn_bf16x2(unsigned int a, unsigned int b) {
  unsigned int d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(0x8000'8000u));
  return d;
}

/// A pair of bf16, nearest even: `low` in bits 15:0, `high` in bits 31:16.
/// rule    cvt.rn.bf16x2.f32 d, high, low;
__device__ __forceinline__ unsigned int cvt_rn_bf16x2_f32(float low, float high) {
  unsigned int d;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

/// The value of a half, exactly.
/// rule    cvt.f32.f16 d, a;
__device__ __forceinline__ float cvt_f32_f16(unsigned short a) {
  float d;
  asm("cvt.f32.f16 %0, %1;" : "=f"(d) : "h"(a));
  return d;
}

/// Four 8x8 matrices of 16-bit elements from shared memory: lane l names row l % 8 of matrix l / 8,
/// 16 bytes that lie on a 16-byte boundary; words[i] is this lane's pair of matrix i.
/// rule    ldmatrix.sync.aligned.m8n8.x4.shared.b16 {d0, d1, d2, d3}, [row]; all 32 lanes.
__device__ __forceinline__ void ldmatrix_x4(unsigned int (&words)[4], void const* row) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(address));
}

/// Starts to copy 16 bytes to shared memory, past the L1 cache; of them `valid` (0 or 16) from
/// global memory and zeros for the rest. Both addresses lie on 16-byte boundaries.
/// rule    cp.async.cg.shared.global.L2::256B [to], [from], 16, valid;
__device__ __forceinline__ void cp_async_16(void* to, void const* from, unsigned int valid) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global.L2::256B [%0], [%1], 16, %2;"
               :
               : "r"(address), "l"(from), "r"(valid)
               : "memory");
}

/// The same for 4 bytes, through the L1 cache.
/// rule    cp.async.ca.shared.global [to], [from], 4, valid;
__device__ __forceinline__ void cp_async_4(void* to, void const* from, unsigned int valid) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
               :
               : "r"(address), "l"(from), "r"(valid)
               : "memory");
}

/// Ends a group of this thread's copies.
/// rule    cp.async.commit_group;
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until all but the last `Groups` groups of this thread's copies have arrived.
/// rule    cp.async.wait_group Groups;
template <int Groups>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
}

/// d += A B: 16x16 halves by 16x8, sums in FP32, in an order that is not documented.
/// rule    mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 d, a, b, d; all 32 lanes.
__device__ __forceinline__ void mma_m16n8k16_f16(float (&d)[4], unsigned int const (&a)[4],
                                                 unsigned int b0, unsigned int b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// d += A B: 16x16 bf16 by 16x8, otherwise as mma_m16n8k16_f16.
/// rule    mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 d, a, b, d;
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], unsigned int const (&a)[4],
                                                  unsigned int b0, unsigned int b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#endif  // NIBBLE_HAS_MMA_F16

#if NIBBLE_HAS_MMA_BLOCK_SCALE

/// d += (A with scales) (B with scales): 16x64 e2m1 codes by 64x8, an e4m3 scale for each 16.
/// rule    mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col
///         .f32.e2m1.e2m1.f32.ue4m3 d, a, b, d, scale_a, {0, LaneA}, scale_b, {0, LaneB}; sm_120a,
///         120f, 121a, 121f. LaneA in 0 to 1 and LaneB in 0 to 3 say whose words of scales count.
template <int LaneA, int LaneB>
__device__ __forceinline__ void mma_m16n8k64_mxf4nvf4_4x(float (&d)[4], unsigned int const (&a)[4],
                                                         unsigned int const (&b)[2],
                                                         unsigned int scale_a,
                                                         unsigned int scale_b) {
  asm volatile(
      "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1"
      ".f32.ue4m3 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3}, %10, {0, %11}, "
      "%12, {0, %13};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(scale_a), "n"(LaneA),
        "r"(scale_b), "n"(LaneB));
}

/// The same with an e8m0 scale for each 32; the scales are bytes ByteA and ByteA + 1 of the word.
/// rule    as above with scale_vec::2X, ue8m0 and {ByteA, LaneA}, {ByteB, LaneB}; a byte is 0 or 2.
template <int LaneA, int LaneB, int ByteA, int ByteB>
__device__ __forceinline__ void mma_m16n8k64_mxf4nvf4_2x(float (&d)[4], unsigned int const (&a)[4],
                                                         unsigned int const (&b)[2],
                                                         unsigned int scale_a,
                                                         unsigned int scale_b) {
  asm volatile(
      "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1"
      ".f32.ue8m0 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3}, %10, {%11, %12}, "
      "%13, {%14, %15};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(scale_a), "n"(ByteA),
        "n"(LaneA), "r"(scale_b), "n"(ByteB), "n"(LaneB));
}

#endif  // NIBBLE_HAS_MMA_BLOCK_SCALE

}  // namespace nibble::arch::ptx
