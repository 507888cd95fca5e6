// SPDX-License-Identifier: Apache-2.0
// The product of two quantized matrices on the device, asynchronous on a stream: the bytes of
// nibble::matmul.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/exact.cuh"
#include "nibble/device/fast.cuh"
#include "nibble/device/ordered.cuh"
#include "nibble/matmul.hpp"

namespace nibble::device {

namespace detail {

/// The memory of a product, cut from a workspace or only counted.
template <product Mode, class QuantizerA, class QuantizerB>
struct product_memory;

template <class QuantizerA, class QuantizerB>
struct product_memory<product::exact, QuantizerA, QuantizerB> {
  exact_memory digits;

  template <class ViewA, class ViewB, class Out>
  product_memory(arena& memory, cublas::handle const&, ViewA const& a, ViewB const& b, Out const&,
                 epilogue const&) noexcept
      : digits(memory, a.rows(), b.rows(), a.columns()) {}
};

template <class QuantizerA, class QuantizerB>
struct product_memory<product::ordered, QuantizerA, QuantizerB> {
  template <class... Arguments>
  explicit product_memory(arena&, Arguments const&...) noexcept {}
};

template <class QuantizerA, class QuantizerB>
struct product_memory<product::fast, QuantizerA, QuantizerB> {
  bool native;
  matrix_index pitch;  // of the decoded operands
  bf16 *a, *b;
  fast_memory around;

  template <class ViewA, class ViewB, class Out>
  product_memory(arena& memory, cublas::handle const& handle, ViewA const& of_a, ViewB const& of_b,
                 Out const& out, epilogue const& e) noexcept
      : native(is_native<QuantizerA, QuantizerB>(handle, of_a, of_b)),
        pitch(nibble::detail::ceil_div<matrix_index>(of_a.columns(), ViewA::block_type::size) *
              ViewA::block_type::size),
        a(native ? nullptr : memory.take<bf16>(of_a.rows() * pitch)),
        b(native ? nullptr : memory.take<bf16>(of_b.rows() * pitch)),
        around(memory, of_a.rows(), of_b.rows(), is_direct(out, e)) {}
};

template <class QuantizerA, class QuantizerB, class ViewA, class ViewB, class Out>
[[nodiscard]] status multiply_codes(cublas::handle const& handle, cudaStream_t stream,
                                    product_memory<product::fast, QuantizerA, QuantizerB> const& m,
                                    ViewA const& a, ViewB const& b, Out const& out,
                                    epilogue const& e) {
  write_scalars<QuantizerA, QuantizerB><<<1, 1, 0, stream>>>(
      a.amax, b.amax, e.alpha, is_direct(out, e) ? e.beta : 0.0f, m.around.scalars);
  if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
  if (m.native) {
    cublas::operand const left{a.codes.data_handle().bytes, a.codes.stride(0),
                               a.scales.data_handle()};
    cublas::operand const right{b.codes.data_handle().bytes, b.codes.stride(0),
                                b.scales.data_handle()};
    return multiply_fast(handle, stream, m.around, cublas::elements::nvfp4, left, right,
                         a.columns(), out, e);
  }
  status s = decode_operand<QuantizerA>(stream, a, m.a, m.pitch);
  if (s == status::success) s = decode_operand<QuantizerB>(stream, b, m.b, m.pitch);
  if (s != status::success) return s;
  return multiply_fast(handle, stream, m.around, cublas::elements::bf16, {m.a, m.pitch},
                       {m.b, m.pitch}, m.pitch, out, e);
}

}  // namespace detail

/// The bytes of workspace that matmul needs for these arguments; their data is not looked at.
template <product Mode, class ViewA, class QuantizerA, class ViewB, class QuantizerB, class Out>
[[nodiscard]] std::size_t matmul_workspace(cublas::handle const& handle, ViewA const& a,
                                           QuantizerA const&, ViewB const& b, QuantizerB const&,
                                           Out const& out, epilogue const& e = {}) noexcept {
  detail::arena memory;
  detail::product_memory<Mode, QuantizerA, QuantizerB> const counted(memory, handle, a, b, out, e);
  return memory.used();
}

/// out = alpha A B^T + beta out + bias, for two matrices that these quantizers made.
///
/// shape   as nibble::matmul; every pointer, the bias's too, is one the device can read. memory: as
///         many bytes as matmul_workspace says, which may be used again by the next work on the
///         stream. exact: K up to 2^20.
/// rule    as nibble::matmul; amaxes are read on the device. exact: integers on tensor cores, see
///         exact.cuh. fast: Blackwell multiplies NVFP4 operands with scales in 128x4 tiles itself,
///         where K is a multiple of 32 and codes and scales lie on 16-byte boundaries; otherwise
///         operands are decoded to bf16, which is exact for e2m1 (see decode_operand), and
///         multiplied with FP32 sums.
/// errors  shape_mismatch, workspace_too_small, sum_too_long: nothing is written then.
///         no_algorithm, cublas_failed, launch_failed: the result may be written in part. Allocates
///         nothing, can be captured in a graph.
/// bits    exact and ordered: those of nibble::matmul, on every GPU. fast: outside the promise of
///         equal bytes.
template <product Mode, class BlockA, class LayoutA, class QuantizerA, class BlockB, class LayoutB,
          class QuantizerB, class Out>
status matmul(cublas::handle const& handle, ::cuda::stream_ref stream, workspace const& memory,
              quantized_view<BlockA, LayoutA> const& a, QuantizerA const&,
              quantized_view<BlockB, LayoutB> const& b, QuantizerB const&, Out const& out,
              epilogue const& e = {}) {
  using tensor_scale::granularity;
  static_assert(std::remove_const_t<BlockA>::size == std::remove_const_t<BlockB>::size,
                "got blocks of different sizes; both operands need the same along K");
  static_assert(
      std::is_same_v<typename QuantizerA::transform_type, typename QuantizerB::transform_type>,
      "got a transform on one operand only, or two that differ; they cancel only in pairs");
  static_assert(
      Mode != product::exact || (std::is_same_v<std::remove_const_t<BlockA>, nvfp4_block> &&
                                 std::is_same_v<std::remove_const_t<BlockB>, nvfp4_block>),
      "got a format other than e2m1 with E4M3 scales; product::exact is proved for that "
      "one, use product::ordered");
  static_assert(Mode == product::fast || Mode == product::ordered ||
                    (QuantizerA::outer::shares != granularity::block_128 &&
                     QuantizerB::outer::shares != granularity::block_128),
                "got an outer scale per 1x128 block; need product::ordered");
  if (a.columns() != b.columns() || out.extent(0) != a.rows() || out.extent(1) != b.rows()) {
    return status::shape_mismatch;
  }
  if (Mode == product::exact && a.columns() > nibble::detail::exact_limit) {
    return status::sum_too_long;
  }
  detail::arena cuts(memory);
  detail::product_memory<Mode, QuantizerA, QuantizerB> const m(cuts, handle, a, b, out, e);
  if (!cuts.fits(memory)) return status::workspace_too_small;
  if (out.extent(0) == 0 || out.extent(1) == 0) return status::success;
  auto const alpha_of = detail::make_alpha<QuantizerA, QuantizerB>(a, b, e.alpha);
  if constexpr (Mode == product::exact) {
    return detail::multiply_exactly(handle, stream.get(), m.digits, a, b, alpha_of, out, e);
  } else if constexpr (Mode == product::ordered) {
    using view_a = quantized_view<BlockA, LayoutA>;
    using view_b = quantized_view<BlockB, LayoutB>;
    constexpr bool varies = QuantizerA::outer::shares == granularity::block_128 ||
                            QuantizerB::outer::shares == granularity::block_128;
    detail::coded_operand<view_a> const left{a};
    detail::coded_operand<view_b> const right{b};
    if constexpr (varies) {
      return detail::multiply_in_order(
          stream.get(), left, right,
          detail::outer_along_k<QuantizerA, QuantizerB, view_a, view_b>{a, b}, alpha_of, out, e);
    } else {
      return detail::multiply_in_order(stream.get(), left, right, detail::no_outer{}, alpha_of, out,
                                       e);
    }
  } else {
    return detail::multiply_codes(handle, stream.get(), m, a, b, out, e);
  }
}

}  // namespace nibble::device
