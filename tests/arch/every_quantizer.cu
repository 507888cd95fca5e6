// SPDX-License-Identifier: Apache-2.0
// Not a program: flags_test.py compiles it with and without the flags that trade bits for speed,
// and wants the same PTX. One kernel for each kind of policy, and for the number types' own
// operations.
#include "nibble/nibble.hpp"

namespace {

using nibble::nvfp4_block;
using nibble::tensor_amax;

/// One group in, its blocks out, and the numbers that the first block stands for.
template <class Quantizer>
__device__ void quantize_group(Quantizer const& q, float const* in, float amax, void* out,
                               float* back) {
  float group[Quantizer::group.rows][Quantizer::group.columns];
  for (int r = 0; r < Quantizer::group.rows; ++r) {
    for (int c = 0; c < Quantizer::group.columns; ++c) {
      group[r][c] = in[r * Quantizer::group.columns + c];
    }
  }
  auto const result = q(group, tensor_amax{amax}, nibble::position{threadIdx.x, 4096});
  *static_cast<typename Quantizer::result_type*>(out) = result;
  typename Quantizer::block_type block{};
  if constexpr (Quantizer::is_one_block) {
    block = result;
  } else {
    block = result.blocks[0][0];
  }
  auto const numbers = Quantizer::decode(block, Quantizer::prepare(tensor_amax{amax}));
  for (int i = 0; i < Quantizer::block_type::size; ++i) {
    back[i] = numbers[i];
  }
}

}  // namespace

#define NIBBLE_KERNEL(name, ...)                                                         \
  extern "C" __global__ void name(float const* in, float amax, void* out, float* back) { \
    quantize_group(__VA_ARGS__{}, in, amax, out, back);                                  \
  }

NIBBLE_KERNEL(nvfp4_rows, nibble::quantizer<>)
NIBBLE_KERNEL(nvfp4_tiles,
              nibble::quantizer<nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::square>>)
NIBBLE_KERNEL(
    nvfp4_stochastic,
    nibble::quantizer<nvfp4_block, nibble::scaling::amax<>, nibble::rounding::stochastic<>>)
NIBBLE_KERNEL(
    nvfp4_rotated,
    nibble::quantizer<nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                      nibble::transform::random_hadamard<16>>)
NIBBLE_KERNEL(four_over_six, nibble::quantizer<nvfp4_block, nibble::scaling::four_over_six<>>)
NIBBLE_KERNEL(exhaustive, nibble::quantizer<nvfp4_block, nibble::scaling::exhaustive<>>)
NIBBLE_KERNEL(mxfp4, nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>)

/// Conversions both ways and comparison, for each number type.
template <class T>
__device__ void number_operations(float const* in, double const* doubles, float* out) {
  T const a(in[0]);
  T const b(doubles[0]);
  out[0] = static_cast<float>(a);
  out[1] = static_cast<float>(b);
  out[2] = a == b ? 1.0f : 0.0f;
}

extern "C" __global__ void numbers(float const* in, double const* doubles, float* out) {
  number_operations<nibble::fp4_e2m1>(in, doubles, out);
  number_operations<nibble::fp8_e4m3>(in + 1, doubles + 1, out + 3);
  number_operations<nibble::e8m0>(in + 2, doubles + 2, out + 6);
  number_operations<nibble::ue5m3>(in + 3, doubles + 3, out + 9);
  number_operations<nibble::bf16>(in + 4, doubles + 4, out + 12);
  number_operations<nibble::fp16>(in + 5, doubles + 5, out + 15);
}

extern "C" __global__ void arithmetic(float const* in, float* out) {
  out[0] = nibble::arch::add(nibble::arch::multiply(in[0], in[1]), in[2]);
  out[1] = nibble::arch::divide(in[3], in[4]);
  out[2] = nibble::arch::subtract(in[5], in[6]);
  out[3] = nibble::arch::minimum(in[7], in[8]);
}
