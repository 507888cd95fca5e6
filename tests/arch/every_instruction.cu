// SPDX-License-Identifier: Apache-2.0
// Not a program: the scripts beside it compile it to PTX for each target and read what came out.
#include "nibble/arch/ptx.cuh"

namespace ptx = nibble::arch::ptx;

// 10 more than the macro, because PTX does not write the initial value 0.
#define NIBBLE_REPORT(macro) extern "C" __device__ int const volatile value_of_##macro = 10 + macro
NIBBLE_REPORT(NIBBLE_HAS_DEVICE);
NIBBLE_REPORT(NIBBLE_HAS_CVT_E2M1);
NIBBLE_REPORT(NIBBLE_HAS_CVT_RS_E2M1);
NIBBLE_REPORT(NIBBLE_HAS_CVT_E4M3);
NIBBLE_REPORT(NIBBLE_HAS_MMA_BLOCK_SCALE);
NIBBLE_REPORT(NIBBLE_HAS_TCGEN05);
NIBBLE_REPORT(NIBBLE_HAS_F32X2);
NIBBLE_REPORT(NIBBLE_HAS_REDUX_F32);

extern "C" __global__ void arithmetic(float const* x, float* result) {
  result[0] = ptx::mul_rn_f32(x[0], x[1]);
  result[1] = ptx::add_rn_f32(x[0], x[1]);
  result[2] = ptx::sub_rn_f32(x[0], x[1]);
  result[3] = ptx::div_rn_f32(x[0], x[1]);
  result[4] = ptx::fma_rn_f32(x[0], x[1], x[2]);
  result[5] = ptx::add_rn_f32(ptx::mul_rn_f32(x[3], x[4]), x[5]);
  result[6] = ptx::setp_lt_f32(x[0], x[1]) ? 1.0f : 0.0f;
  result[7] = ptx::setp_eq_f32(x[0], x[1]) ? 1.0f : 0.0f;
  result[8] = __uint_as_float(ptx::xor_b32(__float_as_uint(x[0]), 0x80000000u));
}

#if NIBBLE_HAS_CVT_E4M3
extern "C" __global__ void convert_e4m3(float const* x, unsigned int* result) {
  result[0] = ptx::cvt_rn_satfinite_e4m3x2_f32(x[0], x[1]);
  result[1] = ptx::cvt_rn_f16x2_e4m3x2(static_cast<unsigned short>(result[8]));
  result[2] = ptx::cvt_rn_satfinite_e5m2x2_f32(x[2], x[3]);
  result[3] = ptx::cvt_rn_f16x2_e5m2x2(static_cast<unsigned short>(result[9]));
}
#endif

#if NIBBLE_HAS_CVT_E2M1
extern "C" __global__ void encode_e2m1(float const* x, unsigned int* result) {
  float const values[8] = {x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]};
  result[0] = ptx::cvt_rn_satfinite_e2m1x8_f32(values);
}
extern "C" __global__ void decode_e2m1(unsigned int const* codes, unsigned int* result) {
  unsigned int halves[4];
  ptx::cvt_rn_f16x2_e2m1x2(codes[0], halves);
  for (int i = 0; i < 4; ++i)
    result[i] = halves[i];
}
extern "C" __global__ void convert_others(float const* x, unsigned int* result) {
  result[0] = ptx::cvt_rn_satfinite_e2m3x2_f32(x[0], x[1]);
  result[1] = ptx::cvt_rn_f16x2_e2m3x2(static_cast<unsigned short>(result[8]));
  result[2] = ptx::cvt_rn_satfinite_e3m2x2_f32(x[2], x[3]);
  result[3] = ptx::cvt_rn_f16x2_e3m2x2(static_cast<unsigned short>(result[9]));
  result[4] = ptx::cvt_rp_satfinite_ue8m0x2_f32(x[4], x[5]);
  result[5] = ptx::cvt_rz_satfinite_ue8m0x2_f32(x[6], x[7]);
  result[6] = ptx::cvt_rn_bf16x2_ue8m0x2(static_cast<unsigned short>(result[10]));
}
#endif

#if NIBBLE_HAS_CVT_RS_E2M1
extern "C" __global__ void encode_stochastic(float const* x, unsigned int random,
                                             unsigned int* result) {
  float const values[4] = {x[0], x[1], x[2], x[3]};
  result[0] = ptx::cvt_rs_satfinite_e2m1x4_f32(values, random);
}
#endif
