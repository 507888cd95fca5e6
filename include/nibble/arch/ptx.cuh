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

#if NIBBLE_HAS_F32X2
/// Two products with one factor, each as mul_rn_f32.
/// rule    mul.rn.f32x2 d, a, b; of two floats in 64 bits, the first in the low half.
__device__ __forceinline__ void mul_rn_f32x2(float& low, float& high, float first, float second,
                                             float factor) {
  asm("{\n\t.reg .b64 both, twice;\n\tmov.b64 both, {%2, %3};\n\tmov.b64 twice, {%4, %4};\n\t"
      "mul.rn.f32x2 both, both, twice;\n\tmov.b64 {%0, %1}, both;\n\t}"
      : "=f"(low), "=f"(high)
      : "f"(first), "f"(second), "f"(factor));
}
#endif

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

/// The smaller of a and b; a NaN loses against a number.
/// rule    min.f32 d, a, b; of two zeros the negative one.
__device__ __forceinline__ float min_f32(float a, float b) {
  float d;
  asm("min.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
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

/// The larger of a and b in each half, bf16; NaN where either is NaN.
/// rule    max.NaN.bf16x2 d, a, b; sm_80 and up.
__device__ __forceinline__ unsigned int max_nan_bf16x2(unsigned int a, unsigned int b) {
  unsigned int d;
  asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}

/// a + |b| in each half, halves, rounded to nearest even.
/// rule    abs.f16x2 t, b; add.rn.f16x2 d, a, t; one instruction. Subnormals are kept.
__device__ __forceinline__ unsigned int add_rn_abs_f16x2(unsigned int a, unsigned int b) {
  unsigned int d;
  asm("{ .reg .b32 t; abs.f16x2 t, %2; add.rn.f16x2 %0, %1, t; }" : "=r"(d) : "r"(a), "r"(b));
  return d;
}

/// The magnitudes of two bf16.
/// rule    abs.bf16x2 d, a; sm_80 and up.
__device__ __forceinline__ unsigned int abs_bf16x2(unsigned int a) {
  unsigned int d;
  asm("abs.bf16x2 %0, %1;" : "=r"(d) : "r"(a));
  return d;
}

/// The larger of a and b in each half, bf16; a NaN loses against a number.
/// rule    max.bf16x2 d, a, b; sm_80 and up.
__device__ __forceinline__ unsigned int max_bf16x2(unsigned int a, unsigned int b) {
  unsigned int d;
  asm("max.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}

/// Four of the eight bytes of a and b, or their signs eight times each.
/// rule    prmt.b32 d, a, b, selector; bit 3 of a selector's nibble asks for the sign.
__device__ __forceinline__ unsigned int prmt_b32(unsigned int a, unsigned int b,
                                                 unsigned int selector) {
  unsigned int d;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
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

/// A pair of bf16, toward zero: `low` in bits 15:0, `high` in bits 31:16.
/// rule    cvt.rz.bf16x2.f32 d, high, low; sm_80 and up.
__device__ __forceinline__ unsigned int cvt_rz_bf16x2_f32(float low, float high) {
  unsigned int d;
  asm("cvt.rz.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

/// A pair of halves, toward zero: `low` in bits 15:0, `high` in bits 31:16.
/// rule    cvt.rz.f16x2.f32 d, high, low; sm_80 and up. Subnormal halves are kept.
__device__ __forceinline__ unsigned int cvt_rz_f16x2_f32(float low, float high) {
  unsigned int d;
  asm("cvt.rz.f16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

#if NIBBLE_HAS_MMA_F16

/// 16 bytes that are read once and that nobody writes meanwhile: no line of L1 for them, and 256 bytes
/// around them asked of memory.
/// rule    ld.global.nc.L1::no_allocate.L2::256B.v4.u32 d, [from];
__device__ __forceinline__ void ld_global_nc_once_v4_u32(unsigned int (&d)[4], void const* from) {
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "l"(from));
}

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

/// d += A B: 16x32 signed bytes by 32x8, sums in int32, which wrap where they do not fit.
/// rule    mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 d, a, b, d; all 32 lanes.
__device__ __forceinline__ void mma_m16n8k32_s8(int (&d)[4], unsigned int const (&a)[4],
                                                unsigned int b0, unsigned int b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#endif  // NIBBLE_HAS_MMA_F16

#if NIBBLE_HAS_CLUSTER

/// Which block of its cluster this is; 0 where the launch asked for no cluster.
/// rule    mov.u32 d, %cluster_ctarank;
__device__ __forceinline__ unsigned int cluster_ctarank() {
  unsigned int d;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(d));
  return d;
}

/// Waits for all threads of the cluster; what they stored before is seen after.
/// rule    barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;
__device__ __forceinline__ void barrier_cluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/// Four floats of another block's shared memory: where this block has `from`, a 16-byte boundary.
/// rule    mapa.shared::cluster.u32 a, from, rank; ld.shared::cluster.v4.f32 d, [a];
__device__ __forceinline__ void ld_shared_cluster_v4_f32(float (&d)[4], float const* from,
                                                         unsigned int rank) {
  auto const here = static_cast<unsigned int>(__cvta_generic_to_shared(from));
  asm volatile(
      "{ .reg .b32 there; mapa.shared::cluster.u32 there, %4, %5;\n\t"
      "ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [there]; }"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(here), "r"(rank)
      : "memory");
}

/// Lets the next grid start where its launch allows that, and waits for the end of the one before.
/// rule    griddepcontrol.launch_dependents; griddepcontrol.wait;
__device__ __forceinline__ void griddepcontrol_launch_dependents() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}
__device__ __forceinline__ void griddepcontrol_wait() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

#endif  // NIBBLE_HAS_CLUSTER

#if NIBBLE_HAS_WGMMA || NIBBLE_HAS_TCGEN05

/// Makes what this thread stored to shared memory visible to the tensor cores' own loads.
/// rule    fence.proxy.async.shared::cta;
__device__ __forceinline__ void fence_proxy_async() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

#endif

#if NIBBLE_HAS_WGMMA

/// The description of a tile of 16-bit numbers in shared memory: rows of 64 (128 bytes) one after the
/// other, pieces of 16 bytes permuted by the row (piece ^ row % 8), the first row on a 1024-byte
/// boundary.
/// rule    bits 13:0 address / 16; 29:16 unused here, 1; 45:32 bytes from eight rows to the next / 16;
///         63:62 = 1, the 128-byte permutation. 16 columns further: 2 more.
__device__ __forceinline__ unsigned long long wgmma_descriptor(void const* tile) {
  auto const address = static_cast<unsigned long long>(__cvta_generic_to_shared(tile));
  return (address & 0x3FFFFull) >> 4 | 1ull << 16 | 64ull << 32 | 1ull << 62;
}

/// Orders this warp group's registers before its next product.
/// rule    wgmma.fence.sync.aligned;
__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// Ends a group of products and waits for it.
/// rule    wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_wait(float (&d)[128]) {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  for (float& value : d) asm volatile("" : "+f"(value)::"memory");
}

template <int M, int N>
__device__ __forceinline__ void wgmma_wait(int (&d)[M][N]) {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  for (auto& part : d) {
    for (int& value : part) asm volatile("" : "+r"(value)::"memory");
  }
}

/// Waits until no more than the latest group of products is under way.
/// rule    wgmma.wait_group.sync.aligned 1;
__device__ __forceinline__ void wgmma_wait_earlier() {
  asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
}

/// d += A B by four warps: 64x16 halves by 16x256, both from shared memory; runs on after it returns.
/// d[4 n + i] is value i of the 16x8 fragment at column 8 n, of rows 16 w for warp w.
/// rule    wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 d, a, b, 1, 1, 1, 0, 0; sm_90a.
__device__ __forceinline__ void wgmma_m64n256k16_f16(float (&d)[128], unsigned long long a,
                                                     unsigned long long b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, "
      "%12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, "
      "%24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, "
      "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, "
      "%60, %61, %62, %63, %64, %65, %66, %67, %68, %69, %70, %71, "
      "%72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, "
      "%84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, "
      "%108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, %119, "
      "%120, %121, %122, %123, %124, %125, %126, %127"
      "}, %128, %129, 1, 1, 1, 0, 0;"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]),
        "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]),
        "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]),
        "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]),
        "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]),
        "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),
        "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]),
        "+f"(d[63]), "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]),
        "+f"(d[70]), "+f"(d[71]), "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]),
        "+f"(d[77]), "+f"(d[78]), "+f"(d[79]), "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]),
        "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]), "+f"(d[88]), "+f"(d[89]), "+f"(d[90]),
        "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]), "+f"(d[96]), "+f"(d[97]),
        "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]),
        "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]),
        "+f"(d[110]), "+f"(d[111]), "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]),
        "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]), "+f"(d[120]), "+f"(d[121]),
        "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])
      : "l"(a), "l"(b));
}

/// The description of a tile of bytes in shared memory that is not permuted: eight rows of 16 bytes one
/// after the other, eight further rows behind them, the next 16 columns so many bytes further.
/// rule    bits 13:0 address / 16; 29:16 bytes to the next 16 columns / 16; 45:32 bytes from eight rows
///         to the next / 16; 63:62 = 0.
__device__ __forceinline__ unsigned long long wgmma_plain_descriptor(void const* tile,
                                                                     unsigned int to_columns) {
  auto const address = static_cast<unsigned long long>(__cvta_generic_to_shared(tile));
  return (address & 0x3FFFFull) >> 4 | static_cast<unsigned long long>(to_columns >> 4) << 16 |
         8ull << 32;
}

/// d += A B by four warps: 64x32 signed bytes by 32x64, both from shared memory, sums in int32; runs on
/// after it returns. d[4 n + i] is value i of the 16x8 fragment at column 8 n, of rows 16 w for warp w.
/// rule    wgmma.mma_async.sync.aligned.m64n64k32.s32.s8.s8 d, a, b, 1; sm_90a.
__device__ __forceinline__ void wgmma_m64n64k32_s8(int (&d)[32], unsigned long long a,
                                                   unsigned long long b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n64k32.s32.s8.s8 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, "
      "%8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, "
      "%24, %25, %26, %27, %28, %29, %30, %31"
      "}, %32, %33, 1;"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]), "+r"(d[4]), "+r"(d[5]), "+r"(d[6]),
        "+r"(d[7]), "+r"(d[8]), "+r"(d[9]), "+r"(d[10]), "+r"(d[11]), "+r"(d[12]), "+r"(d[13]),
        "+r"(d[14]), "+r"(d[15]), "+r"(d[16]), "+r"(d[17]), "+r"(d[18]), "+r"(d[19]), "+r"(d[20]),
        "+r"(d[21]), "+r"(d[22]), "+r"(d[23]), "+r"(d[24]), "+r"(d[25]), "+r"(d[26]), "+r"(d[27]),
        "+r"(d[28]), "+r"(d[29]), "+r"(d[30]), "+r"(d[31])
      : "l"(a), "l"(b));
}

#endif  // NIBBLE_HAS_WGMMA

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

/// The same for elements in bytes of their own, 16x32 by 32x8, with one e8m0 scale a row and column:
/// byte ByteA or ByteB of a word. A and B are types with the name of a format as `text`.
/// rule    mma.sync.aligned.kind::mxf8f6f4.block_scale.scale_vec::1X.m16n8k32.row.col.f32.A.B.f32
///         .ue8m0 d, a, b, d, scale_a, {ByteA, LaneA}, scale_b, {ByteB, LaneB}; A and B each one of
///         e4m3, e5m2, e3m2, e2m3, e2m1.
template <class A, class B, int LaneA, int LaneB, int ByteA, int ByteB>
__device__ __forceinline__ void mma_m16n8k32_mxf8f6f4_1x(float (&d)[4], unsigned int const (&a)[4],
                                                         unsigned int const (&b)[2],
                                                         unsigned int scale_a,
                                                         unsigned int scale_b) {
  asm volatile(
      "mma.sync.aligned.kind::mxf8f6f4.block_scale.scale_vec::1X.m16n8k32.row.col.f32.%16.%17"
      ".f32.ue8m0 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3}, %10, {%11, %12}, "
      "%13, {%14, %15};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(scale_a), "n"(ByteA),
        "n"(LaneA), "r"(scale_b), "n"(ByteB), "n"(LaneB), "C"(A::text), "C"(B::text));
}

#endif  // NIBBLE_HAS_MMA_BLOCK_SCALE

#if NIBBLE_HAS_TCGEN05

// The tensor cores of sm_100 to sm_110. One thread starts the work, sums and scales live in tensor
// memory: 128 lanes of 512 columns of 32 bits, an address is lane << 16 | column. Descriptors are
// those of mma/tcgen05.hpp. None of this has run on a GPU.

/// Takes `columns` (a power of two, 32 to 512) of tensor memory and writes their address to *to, in
/// shared memory; all lanes of one warp.
/// rule    tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [to], columns;
__device__ __forceinline__ void tcgen05_alloc(unsigned int* to, unsigned int columns) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(to));
  asm volatile("tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%0], %1;"
               :
               : "r"(address), "r"(columns)
               : "memory");
}

/// Gives them back, and says that this block takes no more; the warp that took them.
/// rule    tcgen05.dealloc.cta_group::1.sync.aligned.b32 from, columns;
///         tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;
__device__ __forceinline__ void tcgen05_dealloc(unsigned int from, unsigned int columns) {
  asm volatile(
      "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %0, %1;\n\t"
      "tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;"
      :
      : "r"(from), "r"(columns)
      : "memory");
}

/// Copies 32 rows of 16 bytes to four columns, once for each 32 lanes: one tile of scales.
/// rule    tcgen05.cp.cta_group::1.32x128b.warpx4 [to], from;
__device__ __forceinline__ void tcgen05_cp_32x128b_warpx4(unsigned int to,
                                                          unsigned long long from) {
  asm volatile("tcgen05.cp.cta_group::1.32x128b.warpx4 [%0], %1;"
               :
               : "r"(to), "l"(from)
               : "memory");
}

/// d = A B with block scales, + d if `accumulate`: one instruction's 64 columns of e2m1, an e4m3 scale
/// for each 16; started by one thread.
/// rule    tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16 [d], a, b, instruction,
///         [scale_a], [scale_b], accumulate; block16 and not scale_vec::4X, which `f` targets lack.
__device__ __forceinline__ void tcgen05_mma_mxf4nvf4_block16(
    unsigned int d, unsigned long long a, unsigned long long b, unsigned int instruction,
    unsigned int scale_a, unsigned int scale_b, bool accumulate) {
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %6, 0;\n\t"
      "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16 [%0], %1, %2, %3, [%4], [%5], "
      "p; }"
      :
      : "r"(d), "l"(a), "l"(b), "r"(instruction), "r"(scale_a), "r"(scale_b),
        "r"(static_cast<unsigned int>(accumulate))
      : "memory");
}

/// The same with an e8m0 scale for each 32.
/// rule    as above with kind::mxf4.block_scale.block32.
__device__ __forceinline__ void tcgen05_mma_mxf4_block32(unsigned int d, unsigned long long a,
                                                         unsigned long long b,
                                                         unsigned int instruction,
                                                         unsigned int scale_a, unsigned int scale_b,
                                                         bool accumulate) {
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %6, 0;\n\t"
      "tcgen05.mma.cta_group::1.kind::mxf4.block_scale.block32 [%0], %1, %2, %3, [%4], [%5], p; }"
      :
      : "r"(d), "l"(a), "l"(b), "r"(instruction), "r"(scale_a), "r"(scale_b),
        "r"(static_cast<unsigned int>(accumulate))
      : "memory");
}

/// Makes *barrier arrive once all that this thread has started so far is done.
/// rule    tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [barrier];
__device__ __forceinline__ void tcgen05_commit(unsigned long long* barrier) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(barrier));
  asm volatile("tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%0];"
               :
               : "r"(address)
               : "memory");
}

/// Orders tensor memory before and after a barrier among threads.
/// rule    tcgen05.fence::before_thread_sync; tcgen05.fence::after_thread_sync;
__device__ __forceinline__ void tcgen05_fence_before() {
  asm volatile("tcgen05.fence::before_thread_sync;" ::: "memory");
}
__device__ __forceinline__ void tcgen05_fence_after() {
  asm volatile("tcgen05.fence::after_thread_sync;" ::: "memory");
}

/// Eight columns of this warp's 32 lanes, one lane a thread: warp w of four may read lanes 32 w and on.
/// rule    tcgen05.ld.sync.aligned.32x32b.x8.b32 {...}, [from]; tcgen05.wait::ld.sync.aligned;
__device__ __forceinline__ void tcgen05_ld_32x32b_x8(float (&values)[8], unsigned int from) {
  unsigned int r[8];
  asm volatile(
      "tcgen05.ld.sync.aligned.32x32b.x8.b32 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8];\n\t"
      "tcgen05.wait::ld.sync.aligned;"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]), "=r"(r[4]), "=r"(r[5]), "=r"(r[6]),
        "=r"(r[7])
      : "r"(from)
      : "memory");
  for (int i = 0; i < 8; ++i) values[i] = __uint_as_float(r[i]);
}

/// Sets *barrier, in shared memory, to complete after `arrivals` arrivals; one thread, once.
/// rule    mbarrier.init.shared::cta.b64 [barrier], arrivals;
__device__ __forceinline__ void mbarrier_init(unsigned long long* barrier, unsigned int arrivals) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(barrier));
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;"
               :
               : "r"(address), "r"(arrivals)
               : "memory");
}

/// Has the phase of this parity (0, 1, 0, ...) completed? May wait a while before it says no.
/// rule    mbarrier.try_wait.parity.shared::cta.b64 p, [barrier], parity;
__device__ __forceinline__ bool mbarrier_try_wait(unsigned long long* barrier,
                                                  unsigned int parity) {
  auto const address = static_cast<unsigned int>(__cvta_generic_to_shared(barrier));
  unsigned int done;
  asm volatile(
      "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\t"
      "selp.u32 %0, 1, 0, p; }"
      : "=r"(done)
      : "r"(address), "r"(parity)
      : "memory");
  return done != 0;
}

#endif  // NIBBLE_HAS_TCGEN05

}  // namespace nibble::arch::ptx
