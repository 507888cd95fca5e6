// SPDX-License-Identifier: Apache-2.0
// Products through cuBLASLt with FP32 sums, and what stands around them: tensor scales in alpha, and
// a way out for the results that cuBLASLt does not write itself.
#pragma once

#include "nibble/cublas/product.cuh"
#include "nibble/device/finish.cuh"
#include "nibble/device/operands.cuh"
#include "nibble/device/workspace.cuh"
#include "nibble/interop/cublaslt.hpp"

namespace nibble::device::detail {

/// What an operand's amax multiplies its sums by: 1 where it has none that covers the matrix, since
/// rows with amaxes of their own were decoded under them.
template <class Quantizer, class Amax>
[[nodiscard]] __device__ float decode_factor(Amax const& amax) {
  if constexpr (Quantizer::outer::bound == 0 || !Quantizer::has_one_amax) {
    return 1.0f;
  } else {
    return Quantizer::prepare({amax(0, 0)}).decode;
  }
}

/// alpha and beta where cuBLASLt reads them.
template <class QuantizerA, class QuantizerB, class AmaxA, class AmaxB>
__global__ void write_scalars(AmaxA of_a, AmaxB of_b, float alpha, float beta, float* to) {
  if constexpr (QuantizerA::has_one_amax && QuantizerB::has_one_amax) {
    to[0] = folded_alpha<QuantizerA, QuantizerB, AmaxA, AmaxB>{of_a, of_b, alpha}(0, 0);
  } else {
    to[0] = arch::multiply(arch::multiply(alpha, decode_factor<QuantizerB>(of_b)),
                           decode_factor<QuantizerA>(of_a));
  }
  to[1] = beta;
}

/// The same without tensor scales.
template <class Float>
__global__ void write_plain_scalars(Float alpha, Float beta, Float* to) {
  to[0] = alpha;
  to[1] = beta;
}

/// Can cuBLASLt write this output itself? It takes rows without gaps between elements, of float or
/// bf16, and an FP32 bias only into floats.
template <class Out>
[[nodiscard]] bool is_direct(Out const& out, epilogue const& e) noexcept {
  using value_type = std::remove_cv_t<typename Out::value_type>;
  bool const is_float = std::is_same_v<value_type, float>;
  bool const is_bf16 = std::is_same_v<value_type, bf16>;
  return (is_float || is_bf16) && out.stride(1) == 1 && out.stride(0) >= out.extent(1) &&
         (is_float || e.bias == nullptr);
}

/// What a product through cuBLASLt needs beside its operands.
struct fast_memory {
  float* scalars;
  void* library;
  float* sums;  // where cuBLASLt does not write the output itself: rows of pitch floats
  matrix_index pitch;

  fast_memory(arena& memory, matrix_index m, matrix_index n, bool is_written_directly) noexcept
      : scalars(memory.take<float>(2)),
        library(memory.take<std::byte>(matrix_index{cublas::workspace_bytes})),
        sums(nullptr),
        pitch((n + 15) / 16 * 16) {
    if (!is_written_directly) sums = memory.take<float>(m * pitch);
  }
};

/// out = alpha A B^T + beta out + bias, alpha and beta in m.scalars.
template <class Out>
[[nodiscard]] status multiply_fast(cublas::handle const& handle, cudaStream_t stream,
                                   fast_memory const& m, cublas::elements what,
                                   cublas::operand const& a, cublas::operand const& b,
                                   matrix_index depth, Out const& out, epilogue const& e) {
  using value_type = std::remove_cv_t<typename Out::value_type>;
  bool const direct = is_direct(out, e);
  if (depth == 0) {
    return launch_finish(stream, no_sums{}, plain_alpha{1.0f}, out, e, 0, 0, out.extent(0),
                         out.extent(1));
  }
  cublas::product p{};
  p.what = what;
  p.is_float_out = !direct || std::is_same_v<value_type, float>;
  p.rows = out.extent(0);
  p.columns = out.extent(1);
  p.depth = depth;
  p.a = a;
  p.b = b;
  p.out = direct ? static_cast<void*>(out.data_handle()) : m.sums;
  p.out_pitch = direct ? static_cast<matrix_index>(out.stride(0)) : m.pitch;
  p.scalars = m.scalars;
  p.bias = direct ? e.bias : nullptr;
  status const s = cublas::multiply(handle, stream, p, m.library);
  if (s != status::success || direct) return s;
  // alpha is in the sums; cuBLASLt was told of a beta of 0.
  return launch_finish(stream, stored_sums{m.sums, m.pitch}, plain_alpha{1.0f}, out, e, 0, 0,
                       out.extent(0), out.extent(1));
}

/// Would Blackwell's own product take these two as they lie in memory?
template <class QuantizerA, class QuantizerB, class ViewA, class ViewB>
[[nodiscard]] bool is_native(cublas::handle const& handle, [[maybe_unused]] ViewA const& a,
                             [[maybe_unused]] ViewB const& b) noexcept {
  if constexpr (std::is_same_v<typename ViewA::block_type, nvfp4_block> &&
                std::is_same_v<typename ViewB::block_type, nvfp4_block> &&
                std::is_same_v<typename ViewA::scale_layout, layout::scale_tile_128x4> &&
                std::is_same_v<typename ViewB::scale_layout, layout::scale_tile_128x4> &&
                QuantizerA::has_one_amax && QuantizerB::has_one_amax) {
    using interop::cublaslt::refusal;
    return handle.multiplies_nvfp4() && a.columns() > 0 && a.scales.mapping().is_whole() &&
           b.scales.mapping().is_whole() && a.rows_per_scale() == 1 && b.rows_per_scale() == 1 &&
           a.codes.data_handle().first == 0 && b.codes.data_handle().first == 0 &&
           interop::cublaslt::check(a) == refusal::none &&
           interop::cublaslt::check(b) == refusal::none;
  } else {
    return false;
  }
}

}  // namespace nibble::device::detail
