// SPDX-License-Identifier: Apache-2.0
// Compiles the launchers for every architecture that the build names; the tests themselves are built for one.
#include <nibble/device/weight_only.cuh>
#include <nibble/mma/bytes_multiply_add.cuh>
#include <nibble/device/matmul.cuh>
#include <nibble/device/matmul_grouped.cuh>
#include <nibble/device/matmul_grouped_columns.cuh>
#include <nibble/device/transpose.cuh>
#include <nibble/nibble.cuh>

namespace {

using namespace nibble;

template <class ScaleLayout, class T, class Quantizer>
void launch(cuda::stream_ref stream, matrix_view<T> const& in,
            quantized_view<typename Quantizer::block_type, ScaleLayout> const& out, Quantizer const& q) {
  (void)device::quantize(stream, in, out, q);
  (void)device::dequantize(stream, out, in, q);
}

/// Lanes of a warp together, with the instruction's own stochastic rounding where there is one.
__global__ void by_lanes(float* values, std::uint8_t* codes) {
  quantizer const q{scaling::amax<scaling::tile::square>{}, rounding::hardware_stochastic<>{}};
  float mine[8];
  for (unsigned i = 0; i < 8; ++i) mine[i] = values[8 * threadIdx.x + i];
  device::transform_by_lanes(mine, transform::random_hadamard<16>{});
  auto const made = device::quantize_by_lanes(mine, q, decltype(q)::prepare({1.0f}), 8 * threadIdx.x);
  for (unsigned i = 0; i < 4; ++i) codes[4 * threadIdx.x + i] = made.codes.bytes()[i];
}

/// Products of the three kinds, and what a linear layer moves.
void multiply(cuda::stream_ref stream, quantized_view<nvfp4_block> const& plain,
              quantized_view<nvfp4_block, layout::scale_tile_128x4> const& tiled, matrix_view<bf16> const& out) {
  cublas::handle const handle;
  using q = quantizer<>;
  (void)device::matmul<product::exact>(handle, stream, {}, plain, q{}, plain, q{}, out);
  (void)device::matmul<product::ordered>(handle, stream, {}, plain, q{}, plain, q{}, out);
  (void)device::matmul<product::fast>(handle, stream, {}, tiled, q{}, tiled, q{}, out);
  (void)device::round_operand(stream.get(), out, nullptr, 0);
  (void)device::transpose_tiles<quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>>(stream, plain, plain);
}

/// The product of a warp, of 4 bits in both formats and of bytes.
__global__ void by_warps(mma::a_fragment a, mma::b_fragment b, mma::sum_fragment* d) {
  mma::multiply_add<nvfp4_block>(d[threadIdx.x], a, b);
  mma::multiply_add<mxfp4_block>(d[threadIdx.x], a, b);
  mma::multiply_add_bytes<mxfp8_block, mxfp6_e2m3_block>(d[threadIdx.x], a, b);
}

/// The product of few rows, both of its kernels.
void multiply_few_rows() {
  using alpha = device::detail::weight_alpha<quantizer<>>;
  auto const any = &device::detail::weight_only<1, true, matrix_view<bf16>, quantized_view<nvfp4_block>, matrix_view<float>, alpha>;
  (void)cudaFuncSetAttribute(any, cudaFuncAttributeMaxDynamicSharedMemorySize, 16384);
  auto const kernel = &device::detail::weight_only_clusters<16, matrix_view<bf16>, quantized_view<nvfp4_block>, matrix_view<float>, alpha>;
  (void)cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536);
}

}  // namespace

/// Never called: that it compiles for a target is the test.
void launch_every_kernel(cuda::stream_ref stream, matrix_view<bf16> const& in,
                         quantized_view<nvfp4_block> const& plain,
                         quantized_view<nvfp4_block, layout::scale_tile_128x4> const& tiled) {
  launch(stream, in, plain, quantizer<>{});
  launch(stream, in, plain, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  launch(stream, in, plain, quantizer{scaling::amax<>{}, rounding::stochastic<>{}});
  launch(stream, in, tiled,
         quantizer{scaling::amax<>{}, rounding::stochastic<>{}, transform::random_hadamard<16, bf16>{}});
  launch(stream, in, tiled, quantizer{scaling::four_over_six<>{}});
  (void)device::quantize_both(
      stream, in, plain, tiled, quantizer{scaling::amax<>{}, rounding::stochastic<>{}},
      quantizer{scaling::amax<>{}, rounding::stochastic<>{}, transform::random_hadamard<16, bf16>{}});
  (void)device::swizzle(stream, plain.scales, tiled.scales);
  (void)device::unswizzle(stream, tiled.scales, plain.scales);
  (void)device::requantize(stream, plain, quantizer<>{}, tiled, quantizer<>{});
  (void)device::compare(stream, in, plain, quantizer<>{}, {}, nullptr);
  grouped_view<nvfp4_block, layout::scale_tile_128x4> const grouped{tiled.codes, tiled.scales, {}};
  using in_memory = rounding::stochastic<8, random::philox_in_memory<>>;
  (void)device::quantize_grouped(stream, in, cuda::std::span<int const>(), grouped,
                                 quantizer{scaling::amax<>{}, in_memory{}});
  cuda::std::span<int const> const offsets;
  (void)device::matmul_grouped<product::fast>(stream, grouped, quantizer<>{}, offsets, grouped, quantizer<>{}, in);
  (void)device::matmul_grouped<product::exact>(stream, grouped, quantizer<>{}, offsets, grouped, quantizer<>{}, in);
  grouped_columns_view<nvfp4_block, layout::scale_tile_128x4> const columns{tiled.codes.data_handle(), nullptr, {}, 0, 0};
  (void)device::quantize_grouped_columns(stream, in, offsets, columns, quantizer<>{});
  (void)device::matmul_grouped_columns<product::fast>(stream, columns, quantizer<>{}, offsets, columns, quantizer<>{}, in);
  (void)device::matmul_grouped_columns<product::exact>(stream, columns, quantizer<>{}, offsets, columns, quantizer<>{}, in);
  by_lanes<<<1, 32, 0, stream.get()>>>(nullptr, nullptr);
  multiply(stream, plain, tiled, in);
  by_warps<<<1, 32, 0, stream.get()>>>({}, {}, nullptr);
  multiply_few_rows();
}
