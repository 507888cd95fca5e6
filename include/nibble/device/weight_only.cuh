// SPDX-License-Identifier: Apache-2.0
// y = x W^T for few rows of x and a quantized W: the kernel that reads 4.5 bits a weight, where a
// product through decoded operands reads 16.
#pragma once

#include <cuda/stream_ref>

#include "nibble/bf16.hpp"
#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"
#include "nibble/device/weight_only_kernel.cuh"
#include "nibble/fp16.hpp"
#include "nibble/transform/identity.hpp"

namespace nibble::device {

namespace detail {

/// What stands for the quantizer of an operand that is none.
struct not_quantized {
  struct outer {
    static constexpr int bound = 0;
  };
};

/// The alpha that the tensor scale of W and the caller's make, on the device.
template <class QuantizerW>
struct weight_alpha {
  float alpha;
  __device__ __forceinline__ float operator()(float amax) const {
    return fold_alpha<not_quantized, QuantizerW>(alpha, {1.0f}, {amax});
  }
};

template <int Tall, int Wide, bool Whole, class QuantizerW, class In, class W, class Out>
status launch_weight_only(cudaStream_t stream, In const& x, W const& w, Out const& out,
                          few_strides strides, epilogue const& e) {
  using alpha = weight_alpha<QuantizerW>;
  auto const kernel = &weight_only<Tall, Wide, Whole, In, W, Out, alpha>;
  constexpr auto memory = few_memory<Tall, Wide>;
  if (cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(memory)) != cudaSuccess) {
    return status::launch_failed;
  }
  dim3 const grid(
      static_cast<unsigned>(nibble::detail::ceil_div<matrix_index>(w.rows(), 16 * Tall)),
      static_cast<unsigned>(nibble::detail::ceil_div<matrix_index>(x.extent(0), few_rows)));
  kernel<<<grid, 32 * few_warps, memory, stream>>>(x, w, out, strides, alpha{e.alpha}, e);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace detail

/// out = alpha x W^T + beta out + bias, for an x that is not quantized: made for up to 32 rows of x,
/// right for any number (W is read once for each 32).
///
/// shape   x: R x K of bf16 or fp16, W: N x K in NVFP4 blocks along K, out: R x N of float, bf16 or
///         fp16, any strides; every pointer is one the device can read. Fast where K is a multiple
///         of 64, rows of x and of codes begin on 16-byte boundaries and scales are plain or in
///         whole 128x4 tiles.
/// rule    code times scale is exact in 16 bits; products and sums on the tensor cores in FP32. The
///         128-column steps go to eight warps in turn, each adds its own in increasing k, and the
///         eight sums are added in order. Then alpha' = fold_alpha of alpha and W's amax, and the
///         epilogue, each one FP32 operation.
/// errors  shape_mismatch, launch_failed; nothing is written unless it is success. A NaN scale makes
///         NaN of its row's sums. Allocates nothing, can be captured in a graph.
/// bits    the same on every run and for every R on one kind of GPU; between kinds the tensor cores'
///         sums may differ. Exact where they fit 24 bits.
template <class T, class Layout, class Accessor, class Block, class ScaleLayout, class QuantizerW,
          class Out>
status weight_only_product(::cuda::stream_ref stream,
                           ::cuda::std::mdspan<T, matrix_extents, Layout, Accessor> const& x,
                           quantized_view<Block, ScaleLayout> const& w, QuantizerW const&,
                           Out const& out, epilogue const& e = {}) {
  using value_type = std::remove_cv_t<T>;
  static_assert(std::is_same_v<value_type, bf16> || std::is_same_v<value_type, fp16>,
                "got an x that is neither bf16 nor fp16");
  static_assert(std::is_same_v<std::remove_const_t<Block>, nvfp4_block>,
                "got weights in other blocks than nvfp4_block");
  static_assert(QuantizerW::outer::shares != tensor_scale::granularity::block_128,
                "got an outer scale per 1x128 block, which no epilogue can apply");
  static_assert(std::is_same_v<typename QuantizerW::transform_type, transform::identity>,
                "got a transform on the weights only; it cancels only if x has it too");
  if (x.extent(1) != w.columns() || out.extent(0) != x.extent(0) || out.extent(1) != w.rows()) {
    return status::shape_mismatch;
  }
  if (x.extent(0) == 0 || w.rows() == 0) return status::success;
  auto const& mapping = w.scales.mapping();
  matrix_index const blocks = w.scales.extent(1);
  auto const offset = [&](matrix_index block) { return mapping(0, block) - mapping(0, 0); };
  // Scales go by fours, and from one four to the next by one distance: 4, or a tile.
  matrix_index const scale_four = blocks > 4 ? offset(4) : 4;
  auto const* const scales = reinterpret_cast<std::uint8_t const*>(w.scales.data_handle());
  bool const whole =
      w.columns() % 64 == 0 && w.columns() > 0 && x.stride(1) == 1 && x.stride(0) % 8 == 0 &&
      is_aligned(x.data_handle(), 16) && w.codes.stride(1) == 1 && w.codes.stride(0) % 32 == 0 &&
      w.codes.data_handle().first == 0 && w.codes.stride(0) <= matrix_index{1} << 26 &&
      mapping.required_span_size() <= matrix_index{1} << 31 &&
      is_aligned(w.codes.data_handle().bytes, 16) && offset(3) == 3 && scale_four % 4 == 0 &&
      is_aligned(scales + mapping(0, 0), 4) &&
      (w.scales.extent(0) < 2 || (mapping(1, 0) - mapping(0, 0)) % 4 == 0);
  detail::few_strides const strides{w.codes.stride(0) / 2, 2 * scale_four};
  auto const launch = [&]<int Tall, int Wide, bool Whole>(std::integral_constant<int, Tall>,
                                                          std::integral_constant<int, Wide>,
                                                          std::bool_constant<Whole>) {
    return detail::launch_weight_only<Tall, Wide, Whole, QuantizerW>(stream.get(), x, w, out,
                                                                     strides, e);
  };
  auto const one = std::integral_constant<int, 1>{};
  auto const two = std::integral_constant<int, 2>{};
  auto const four = std::integral_constant<int, 4>{};
  auto const with_rows = [&](auto tall, auto is_whole) {
    if (x.extent(0) <= 8) return launch(tall, one, is_whole);
    if (x.extent(0) <= 16) return launch(tall, two, is_whole);
    return launch(tall, four, is_whole);
  };
  if (!whole) return with_rows(one, std::false_type{});
  // Measured on an H100: 32 rows of W a block of threads read x half as often, and pay where that
  // leaves blocks enough (from 6400 rows on) and, for up to 8 rows of x, not so many that three
  // small ones an SM would hide more latency. For more than 16 rows of x their registers spill.
  bool const is_tall =
      w.rows() >= 6400 && x.extent(0) <= 16 && (x.extent(0) > 8 || w.rows() <= 12288);
  return is_tall ? with_rows(two, std::true_type{}) : with_rows(one, std::true_type{});
}

}  // namespace nibble::device
