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
NIBBLE_REPORT(NIBBLE_HAS_MMA_F16);
NIBBLE_REPORT(NIBBLE_HAS_DPX);
NIBBLE_REPORT(NIBBLE_HAS_CLUSTER);
NIBBLE_REPORT(NIBBLE_HAS_WGMMA);
NIBBLE_REPORT(NIBBLE_HAS_MMA_BLOCK_SCALE);
NIBBLE_REPORT(NIBBLE_HAS_TCGEN05);
NIBBLE_REPORT(NIBBLE_HAS_F32X2);
NIBBLE_REPORT(NIBBLE_HAS_256_BIT_LOADS);
NIBBLE_REPORT(NIBBLE_HAS_REDUX_F32);
NIBBLE_REPORT(NIBBLE_HAS_2048_THREADS);

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

#if NIBBLE_HAS_F32X2
extern "C" __global__ void multiply_two(float const* x, float* result) {
  ptx::mul_rn_f32x2(result[0], result[1], x[0], x[1], x[2]);
}
#endif

#if NIBBLE_HAS_MMA_F16
extern "C" __global__ void multiply_halves(unsigned int const* x, float* result) {
  float d[4] = {result[0], result[1], result[2], result[3]};
  unsigned int const a[4] = {x[0], x[1], x[2], x[3]};
  ptx::mma_m16n8k16_f16(d, a, x[4], x[5]);
  ptx::mma_m16n8k16_bf16(d, a, x[4], x[5]);
  for (int i = 0; i < 4; ++i) result[4 + i] = d[i];
  auto* const words = reinterpret_cast<unsigned int*>(result);
  words[8] = ptx::mul_rn_f16x2(x[6], x[7]);
  words[9] = ptx::mul_rn_bf16x2(x[8], x[9]);
  words[10] = ptx::cvt_rn_bf16x2_f32(result[20], result[21]);
  result[11] = ptx::cvt_f32_f16(static_cast<unsigned short>(x[10]));
}
extern "C" __global__ void load_once(uint4 const* from, unsigned int* result) {
  unsigned int words[4];
  ptx::ld_global_nc_once_v4_u32(words, from + threadIdx.x);
  for (int i = 0; i < 4; ++i) result[4 * threadIdx.x + i] = words[i];
}
extern "C" __global__ void multiply_digits(unsigned int const* x, int* result) {
  int d[4] = {result[0], result[1], result[2], result[3]};
  unsigned int const a[4] = {x[0], x[1], x[2], x[3]};
  ptx::mma_m16n8k32_s8(d, a, x[4], x[5]);
  for (int i = 0; i < 4; ++i) result[4 + i] = d[i];
}
extern "C" __global__ void load_matrices(unsigned int* result) {
  __shared__ alignas(16) unsigned int rows[128];
  rows[threadIdx.x] = result[threadIdx.x];
  __syncthreads();
  unsigned int words[4];
  ptx::ldmatrix_x4(words, rows + 4 * (threadIdx.x % 32));
  for (int i = 0; i < 4; ++i) result[4 * threadIdx.x + i] = words[i];
}
#endif

#if NIBBLE_HAS_MMA_BLOCK_SCALE
extern "C" __global__ void multiply_nvfp4(unsigned int const* x, float* result) {
  float d[4] = {result[0], result[1], result[2], result[3]};
  unsigned int const a[4] = {x[0], x[1], x[2], x[3]}, b[2] = {x[4], x[5]};
  ptx::mma_m16n8k64_mxf4nvf4_4x<1, 3>(d, a, b, x[6], x[7]);
  for (int i = 0; i < 4; ++i) result[4 + i] = d[i];
}
extern "C" __global__ void multiply_mxfp4(unsigned int const* x, float* result) {
  float d[4] = {result[0], result[1], result[2], result[3]};
  unsigned int const a[4] = {x[0], x[1], x[2], x[3]}, b[2] = {x[4], x[5]};
  ptx::mma_m16n8k64_mxf4nvf4_2x<1, 3, 2, 0>(d, a, b, x[6], x[7]);
  for (int i = 0; i < 4; ++i) result[4 + i] = d[i];
}
struct e4m3 {
  static constexpr char text[] = "e4m3";
};
struct e5m2 {
  static constexpr char text[] = "e5m2";
};
struct e2m3 {
  static constexpr char text[] = "e2m3";
};
struct e3m2 {
  static constexpr char text[] = "e3m2";
};
struct e2m1 {
  static constexpr char text[] = "e2m1";
};
template <class A, class... B>
__device__ void multiply_by_each(float (&d)[4], unsigned int const (&a)[4], unsigned int const (&b)[2],
                                 unsigned int scale_a, unsigned int scale_b) {
  (ptx::mma_m16n8k32_mxf8f6f4_1x<A, B, 1, 3, 2, 1>(d, a, b, scale_a, scale_b), ...);
}
template <class... Each>
__device__ void multiply_each_by_each(float (&d)[4], unsigned int const (&a)[4], unsigned int const (&b)[2],
                                      unsigned int scale_a, unsigned int scale_b) {
  (multiply_by_each<Each, Each...>(d, a, b, scale_a, scale_b), ...);
}
extern "C" __global__ void multiply_bytes(unsigned int const* x, float* result) {
  float d[4] = {result[0], result[1], result[2], result[3]};
  unsigned int const a[4] = {x[0], x[1], x[2], x[3]}, b[2] = {x[4], x[5]};
  multiply_each_by_each<e4m3, e5m2, e2m3, e3m2, e2m1>(d, a, b, x[6], x[7]);
  for (int i = 0; i < 4; ++i) result[4 + i] = d[i];
}
#endif

#if NIBBLE_HAS_CLUSTER
extern "C" __global__ void read_another_block(float* result) {
  __shared__ alignas(16) float here[4];
  ptx::griddepcontrol_launch_dependents();
  ptx::griddepcontrol_wait();
  here[threadIdx.x % 4] = result[threadIdx.x];
  ptx::barrier_cluster();
  float there[4];
  ptx::ld_shared_cluster_v4_f32(there, here, ptx::cluster_ctarank() ^ 1);
  for (int i = 0; i < 4; ++i) result[4 + i] = there[i];
  ptx::barrier_cluster();
}
#endif

#if NIBBLE_HAS_WGMMA
extern "C" __global__ void multiply_by_four_warps(float* result) {
  __shared__ alignas(1024) unsigned int tile[256 * 32];
  tile[threadIdx.x] = threadIdx.x;
  ptx::fence_proxy_async();
  __syncthreads();
  float d[128] = {};
  ptx::wgmma_fence();
  ptx::wgmma_m64n256k16_f16(d, ptx::wgmma_descriptor(tile), ptx::wgmma_descriptor(tile) + 2);
  ptx::wgmma_commit();
  ptx::wgmma_wait(d);
  for (int i = 0; i < 128; ++i) result[128 * threadIdx.x + i] = d[i];
}
#endif

#if NIBBLE_HAS_TCGEN05
extern "C" __global__ void multiply_in_tensor_memory(unsigned int const* x,
                                                     unsigned long long const* wide,
                                                     float* result) {
  __shared__ unsigned int memory;
  __shared__ unsigned long long barrier;
  ptx::tcgen05_alloc(&memory, 128);
  ptx::mbarrier_init(&barrier, 1);
  ptx::fence_proxy_async();
  ptx::tcgen05_fence_before();
  __syncthreads();
  ptx::tcgen05_fence_after();
  ptx::tcgen05_cp_32x128b_warpx4(memory, wide[0]);
  ptx::tcgen05_mma_mxf4nvf4_block16(x[0], wide[1], wide[2], x[1], x[2], x[3], x[4] != 0);
  ptx::tcgen05_mma_mxf4_block32(x[0], wide[1], wide[2], x[1], x[2], x[3], x[4] != 0);
  ptx::tcgen05_commit(&barrier);
  while (!ptx::mbarrier_try_wait(&barrier, 0)) continue;
  float values[8];
  ptx::tcgen05_ld_32x32b_x8(values, memory);
  for (int i = 0; i < 8; ++i) result[i] = values[i];
  ptx::tcgen05_dealloc(memory, 128);
}
#endif
