// SPDX-License-Identifier: Apache-2.0
// The way out of a product on the device: a sum, its tensor scales, beta, bias, in single FP32
// operations.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"
#include "nibble/epilogue.hpp"

namespace nibble::device::detail {

/// What multiplies the sum of element (i, j); the amaxes are read on the device.
template <class QuantizerA, class QuantizerB, class AmaxA, class AmaxB>
struct folded_alpha {
  AmaxA of_a;
  AmaxB of_b;
  float alpha;

  [[nodiscard]] __device__ float operator()(matrix_index i, matrix_index j) const {
    return fold_alpha<QuantizerA, QuantizerB>(alpha, {read<typename QuantizerA::outer>(of_a, i)},
                                              {read<typename QuantizerB::outer>(of_b, j)});
  }

 private:
  /// An amax per 1x128 block is in the sum already.
  template <class Outer, class Amax>
  [[nodiscard]] static __device__ float read(Amax const& amax, matrix_index row) {
    if constexpr (Outer::bound == 0 || Outer::shares == tensor_scale::granularity::block_128) {
      return 1.0f;
    } else {
      return amax(amax.extent(0) > 1 ? row : 0, 0);
    }
  }
};

template <class QuantizerA, class QuantizerB, class ViewA, class ViewB>
[[nodiscard]] NIBBLE_HD auto make_alpha(ViewA const& a, ViewB const& b, float alpha) noexcept {
  return folded_alpha<QuantizerA, QuantizerB, decltype(a.amax), decltype(b.amax)>{a.amax, b.amax,
                                                                                  alpha};
}

/// One for every element: for operands without tensor scales.
struct plain_alpha {
  float alpha;
  [[nodiscard]] __device__ float operator()(matrix_index, matrix_index) const { return alpha; }
};

/// The steps of nibble::epilogue.
[[nodiscard]] __device__ __forceinline__ float finished(float sum, float alpha, float before,
                                                        matrix_index j, epilogue const& e) {
  float result = arch::multiply(alpha, sum);
  if (e.beta != 0.0f) result = arch::add(result, arch::multiply(e.beta, before));
  if (e.bias != nullptr) result = arch::add(result, e.bias[j]);
  return nibble::detail::canonical(result);
}

/// Finishes one sum and writes it.
template <class Out>
__device__ __forceinline__ void finish_element(Out const& out, matrix_index i, matrix_index j,
                                               float sum, float alpha, epilogue const& e) {
  float const before = e.beta != 0.0f ? static_cast<float>(out(i, j)) : 0.0f;
  out(i, j) =
      static_cast<std::remove_cv_t<typename Out::value_type>>(finished(sum, alpha, before, j, e));
}

/// Values that one thread finishes: their results leave in one store where the output allows it.
inline constexpr int finish_width = 4;

/// Can quads be written in one store, where they begin in a column that is a multiple of their width?
template <class Out>
[[nodiscard]] NIBBLE_HD bool has_quads(Out const& out) noexcept {
  return out.stride(1) == 1 && out.stride(0) % finish_width == 0 &&
         is_aligned(out.data_handle(), finish_width * sizeof(typename Out::value_type));
}

/// Finishes the sums of row i from column j on, those before column `last`; all four if Vector.
template <bool Vector, class AlphaOf, class Out>
__device__ __forceinline__ void finish_quad(Out const& out, matrix_index i, matrix_index j,
                                            matrix_index last, float const (&sum)[finish_width],
                                            AlphaOf const& alpha_of, epilogue const& e) {
  using value_type = std::remove_cv_t<typename Out::value_type>;
  if constexpr (Vector) {
    struct alignas(finish_width * sizeof(value_type)) vector {
      value_type value[std::size_t{finish_width}];
    };
    auto* const place = reinterpret_cast<vector*>(&out(i, j));
    vector v{};
    if (e.beta != 0.0f) v = *place;
    for (int c = 0; c < finish_width; ++c) {
      float const before = e.beta != 0.0f ? static_cast<float>(v.value[c]) : 0.0f;
      v.value[c] = static_cast<value_type>(finished(sum[c], alpha_of(i, j + c), before, j + c, e));
    }
    *place = v;
  } else {
    for (int c = 0; c < finish_width && j + c < last; ++c) {
      finish_element(out, i, j + c, sum[c], alpha_of(i, j + c), e);
    }
  }
}

/// Finishes the sums of a part of the output that starts at (row, column): sums(i, j, four) yields
/// those of row i from column j on, counted from there.
template <bool Vector, class Sums, class AlphaOf, class Out>
__global__ void __launch_bounds__(threads_per_block)
    finish(Sums sums, AlphaOf alpha_of, Out out, epilogue e, matrix_index row, matrix_index column,
           matrix_index rows, matrix_index columns) {
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(columns, finish_width);
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < across * rows; g += step) {
    auto const [i, quad] = split(g, across);
    matrix_index const j = quad * finish_width;
    float sum[finish_width];
    sums(i, j, sum);
    finish_quad<Vector>(out, row + i, column + j, column + columns, sum, alpha_of, e);
  }
}

/// Launches finish over a part of the output, whose column is a multiple of finish_width.
template <class Sums, class AlphaOf, class Out>
[[nodiscard]] status launch_finish(cudaStream_t stream, Sums const& sums, AlphaOf const& alpha_of,
                                   Out const& out, epilogue const& e, matrix_index row,
                                   matrix_index column, matrix_index rows, matrix_index columns) {
  unsigned const grid =
      grid_for(rows * nibble::detail::ceil_div<matrix_index>(columns, finish_width));
  if (columns % finish_width == 0 && has_quads(out)) {
    finish<true, Sums, AlphaOf, Out><<<grid, threads_per_block, 0, stream>>>(
        sums, alpha_of, out, e, row, column, rows, columns);
  } else {
    finish<false, Sums, AlphaOf, Out><<<grid, threads_per_block, 0, stream>>>(
        sums, alpha_of, out, e, row, column, rows, columns);
  }
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Sums of one tile in shared memory, 128 columns of so many rows: written as tensor cores hold them,
/// finished row by row, so that whole lines of the output are written, by a short loop.
template <int Rows>
struct tile_sums {
  static constexpr int columns = 128, pitch = columns + 8;  // eight rows lie in different banks
  float values[Rows * pitch];

  __device__ __forceinline__ void put(int row, int column, float first, float second) {
    *reinterpret_cast<float2*>(values + row * pitch + column) = make_float2(first, second);
  }
  /// The results from (row, column) on, by all threads of a block of whole warps.
  template <class Out>
  __device__ __forceinline__ void finish(Out const& out, matrix_index row, matrix_index column,
                                         float alpha, epilogue const& e) const {
    int const lane = static_cast<int>(threadIdx.x) % 32;
    bool const is_vector = has_quads(out);
    matrix_index const j = column + lane * finish_width, last = out.extent(1);
    if (j >= last) return;
#pragma unroll 1
    for (int r = static_cast<int>(threadIdx.x) / 32; r < Rows && row + r < out.extent(0);
         r += static_cast<int>(blockDim.x) / 32) {
      float sum[finish_width];
      load_vectors(values + r * pitch + lane * finish_width, sum);
      if (is_vector && j + finish_width <= last) {
        finish_quad<true>(out, row + r, j, last, sum, plain_alpha{alpha}, e);
      } else {
        finish_quad<false>(out, row + r, j, last, sum, plain_alpha{alpha}, e);
      }
    }
  }
};

/// Sums of nothing: what a product over K = 0 is.
struct no_sums {
  __device__ void operator()(matrix_index, matrix_index, float (&sum)[finish_width]) const {
    for (float& s : sum) s = 0.0f;
  }
};

/// Sums that lie in memory, with room for whole quads.
struct stored_sums {
  float const* values;
  matrix_index pitch;

  __device__ void operator()(matrix_index i, matrix_index j, float (&sum)[finish_width]) const {
    load_vectors(values + i * pitch + j, sum);
  }
};

}  // namespace nibble::device::detail
