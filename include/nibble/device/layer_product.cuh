// SPDX-License-Identifier: Apache-2.0
// The products of a linear layer on the device: two operands as a layer has them, in the mode that they
// allow.
#pragma once

#include "nibble/device/layer_operand.cuh"
#include "nibble/device/matmul.cuh"

namespace nibble::device::detail {

/// Are sums of products of such numbers exact in 64 bits?
template <class Quantizer>
inline constexpr bool has_exact_sums =
    std::is_same_v<typename Quantizer::block_type, nvfp4_block>&& Quantizer::outer::shares !=
    tensor_scale::granularity::block_128;

/// The mode that a product of two operands is taken in: exact turns to ordered where it has to.
template <product Mode, class A, class B>
[[nodiscard]] consteval product mode_for() {
  if constexpr (Mode == product::exact) {
    return has_exact_sums<A> && has_exact_sums<B> ? product::exact : product::ordered;
  } else {
    return Mode;
  }
}

/// What a fast product of quantized operands needs where bf16 is multiplied.
struct decoded_memory {
  bf16 *a, *b;
  fast_memory around;

  template <class A, class B>
  decoded_memory(arena& memory, A const& of_a, B const& of_b, bool is_direct) noexcept
      : a(room_for(memory, of_a)),
        b(room_for(memory, of_b)),
        around(memory, of_a.view.rows(), of_b.view.rows(), is_direct) {}

 private:
  template <class Operand>
  [[nodiscard]] static bf16* room_for(arena& memory, Operand const& o) noexcept {
    return o.has_room ? o.values : memory.take<bf16>(o.view.rows() * o.pitch);
  }
};

/// The workspace of multiply_operands, for outputs that cuBLASLt can write or cannot.
template <product Mode, class A, class B>
[[nodiscard]] std::size_t operands_workspace(cublas::handle const& handle, A const& a, B const& b,
                                             bool is_strided) noexcept {
  matrix_index const rows = [&] {
    if constexpr (A::is_quantized) return a.view.rows();
    if constexpr (!A::is_quantized) return a.rows;
  }();
  matrix_index const columns = [&] {
    if constexpr (B::is_quantized) return b.view.rows();
    if constexpr (!B::is_quantized) return b.rows;
  }();
  matrix_index const step = is_strided ? 2 : 1;
  ::cuda::std::array<matrix_index, 2> const strides{columns * step, step};
  matrix_view<float> const out(nullptr, {matrix_extents(rows, columns), strides});
  arena memory;
  if constexpr (A::is_quantized) {
    using qa = typename A::quantizer;
    using qb = typename B::quantizer;
    if (Mode == product::fast && !is_native<qa, qb>(handle, a.view, b.view)) {
      decoded_memory const counted(memory, a, b, !is_strided);
      return memory.used();
    }
    return matmul_workspace<mode_for<Mode, qa, qb>()>(handle, a.view, qa{}, b.view, qb{}, out);
  } else {
    if (Mode == product::fast) fast_memory const counted(memory, rows, columns, !is_strided);
    return memory.used();
  }
}

/// out = A B^T + beta out, on bf16.
template <class A, class B, class Out>
[[nodiscard]] status multiply_decoded(cublas::handle const& handle, cudaStream_t stream,
                                      workspace const& scratch, A const& a, B const& b,
                                      Out const& out, epilogue const& e) {
  using qa = typename A::quantizer;
  using qb = typename B::quantizer;
  bool const direct = is_direct(out, e);
  arena cuts(scratch);
  decoded_memory const m(cuts, a, b, direct);
  if (!cuts.fits(scratch)) return status::workspace_too_small;
  if (out.extent(0) == 0 || out.extent(1) == 0) return status::success;
  write_scalars<qa, qb><<<1, 1, 0, stream>>>(a.view.amax, b.view.amax, e.alpha,
                                             direct ? e.beta : 0.0f, m.around.scalars);
  if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
  status s{};
  if (!a.has_values) s = decode_operand<qa>(stream, a.view, m.a, a.pitch);
  if (s == status::success && !b.has_values) s = decode_operand<qb>(stream, b.view, m.b, b.pitch);
  if (s != status::success) return s;
  return multiply_fast(handle, stream, m.around, cublas::elements::bf16, {m.a, a.pitch},
                       {m.b, b.pitch}, a.pitch, out, e);
}

/// out = A B^T + beta out.
template <product Mode, class A, class B, class Out>
[[nodiscard]] status multiply_operands(cublas::handle const& handle, ::cuda::stream_ref stream,
                                       workspace const& scratch, A const& a, B const& b,
                                       Out const& out, float beta) {
  epilogue const e{1.0f, beta, nullptr};
  if constexpr (A::is_quantized) {
    using qa = typename A::quantizer;
    using qb = typename B::quantizer;
    if constexpr (Mode == product::fast) {
      if (!is_native<qa, qb>(handle, a.view, b.view)) {
        return multiply_decoded(handle, stream.get(), scratch, a, b, out, e);
      }
    }
    return matmul<mode_for<Mode, qa, qb>()>(handle, stream, scratch, a.view, qa{}, b.view, qb{},
                                            out, e);
  } else if constexpr (Mode == product::fast) {
    bool const direct = is_direct(out, e);
    arena cuts(scratch);
    fast_memory const m(cuts, out.extent(0), out.extent(1), direct);
    if (!cuts.fits(scratch)) return status::workspace_too_small;
    write_plain_scalars<<<1, 1, 0, stream.get()>>>(1.0f, direct ? beta : 0.0f, m.scalars);
    if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
    return multiply_fast(handle, stream.get(), m, cublas::elements::bf16, {a.values, a.pitch},
                         {b.values, b.pitch}, a.columns, out, e);
  } else {
    return multiply_in_order(stream.get(), bf16_rows{a.values, a.rows, a.columns, a.pitch},
                             bf16_rows{b.values, b.rows, b.columns, b.pitch}, no_outer{},
                             plain_alpha{1.0f}, out, e);
  }
}

}  // namespace nibble::device::detail
