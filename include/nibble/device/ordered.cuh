// SPDX-License-Identifier: Apache-2.0
// Products summed in one defined order, for every format: block by block in FP64.
#pragma once

#include "nibble/device/finish.cuh"
#include "nibble/device/operands.cuh"

namespace nibble::device::detail {

/// A double of a float, and a float of a double to nearest even. The compiler's own conversions
/// flush subnormal floats under -ftz=true; these have integers do what is below 2^-126.
[[nodiscard]] __device__ __forceinline__ double to_double(float value) {
  std::uint32_t const magnitude = nibble::detail::magnitude_bits(value);
  if (magnitude >= 0x0080'0000u) return static_cast<double>(value);
  double const whole = __dmul_rn(__uint2double_rn(magnitude), 0x1p-149);
  return nibble::detail::float_bits(value) >> 31 != 0 ? -whole : whole;
}
[[nodiscard]] __device__ __forceinline__ float to_float(double value) {
  if (!(fabs(value) < 0x1p-126)) return __double2float_rn(value);
  auto const steps = static_cast<std::uint32_t>(__double2uint_rn(fabs(value) * 0x1p149));
  std::uint32_t const sign = static_cast<std::uint32_t>(__double2hiint(value)) & 0x8000'0000u;
  return nibble::detail::float_from_bits(steps | sign);
}

/// An operand of codes and scales.
template <class View>
struct coded_operand {
  using block_type = typename View::block_type;
  using element = typename block_type::element_type;
  static constexpr bool is_scaled = true;

  View in;

  [[nodiscard]] __device__ matrix_index rows() const { return in.rows(); }
  [[nodiscard]] __device__ matrix_index blocks() const {
    return nibble::detail::ceil_div<matrix_index>(in.columns(), block_type::size);
  }
  [[nodiscard]] __device__ int steps() const { return block_type::size / 16; }
  /// Values first to first + 3 of a block.
  template <class Sum>
  __device__ void read(matrix_index row, matrix_index block, int first, Sum (&to)[4]) const {
    auto const codes = codes_at<4>(in, row, block, first);
    auto const scale = in.scale(row, block);
    for (int i = 0; i < 4; ++i) to[i] = static_cast<Sum>(value_in<block_type>(codes, i, scale));
  }
  [[nodiscard]] __device__ double scale(matrix_index row, matrix_index block) const {
    return to_double(static_cast<float>(in.scale(row, block)));
  }
};

/// An operand of bf16 values: one block as long as a row.
struct bf16_rows {
  static constexpr bool is_scaled = false;

  bf16 const* values;
  matrix_index row_count, columns, pitch;

  [[nodiscard]] __device__ matrix_index rows() const { return row_count; }
  [[nodiscard]] __device__ matrix_index blocks() const { return columns > 0 ? 1 : 0; }
  [[nodiscard]] __device__ matrix_index steps() const {
    return nibble::detail::ceil_div<matrix_index>(columns, 16);
  }
  __device__ void read(matrix_index row, matrix_index, matrix_index first, double (&to)[4]) const {
    for (int i = 0; i < 4; ++i) {
      bool const is_inside = first + i < columns;
      to[i] = is_inside ? to_double(static_cast<float>(values[row * pitch + first + i])) : 0;
    }
  }
  [[nodiscard]] __device__ double scale(matrix_index, matrix_index) const { return 1; }
};

/// The largest finite magnitude of an element, and the smallest but zero, of which all others are
/// multiples.
struct element_range {
  double most = 0, step = 0;
};
template <class Element>
[[nodiscard]] consteval element_range range_of() {
  element_range result;
  for (std::uint32_t code = 0; code < (1u << Element::format.width()); ++code) {
    auto const number = static_cast<float>(Element::from_bits(code));
    // By bits, since no NaN is compared in a constant expression: positive and finite.
    if (nibble::detail::float_bits(number) - 1u >= nibble::detail::infinity_bits - 1u) continue;
    double const value = number;
    if (value > result.most) result.most = value;
    if (result.step == 0 || value < result.step) result.step = value;
  }
  return result;
}

/// Are a block's sums of code products exact in float? Most GPUs have few units for doubles, so
/// float it is where that holds. (Elsewhere products of two codes are exact in double, and their
/// sums are taken in increasing k, as on the host.)
template <class A, class B>
[[nodiscard]] consteval bool fits_float() {
  if constexpr (A::is_scaled && B::is_scaled) {
    constexpr element_range a = range_of<typename A::element>(),
                            b = range_of<typename B::element>();
    return !is_adaptive<typename A::block_type> && !is_adaptive<typename B::block_type> &&
           a.most * b.most * A::block_type::size < 0x1p24 * a.step * b.step;
  } else {
    return false;
  }
}

/// No outer scale changes along K.
struct no_outer {
  [[nodiscard]] __device__ double operator()(double term, matrix_index, matrix_index,
                                             matrix_index) const {
    return term;
  }
};

/// Amaxes that cover 1x128: they multiply each block's term, A's first.
template <class QuantizerA, class QuantizerB, class ViewA, class ViewB>
struct outer_along_k {
  ViewA a;
  ViewB b;

  [[nodiscard]] __device__ double operator()(double term, matrix_index i, matrix_index j,
                                             matrix_index k) const {
    using tensor_scale::granularity;
    if constexpr (QuantizerA::outer::shares == granularity::block_128) {
      term = __dmul_rn(term, to_double(a.amax_of(i, k)));
    }
    if constexpr (QuantizerB::outer::shares == granularity::block_128) {
      term = __dmul_rn(term, to_double(b.amax_of(j, k)));
    }
    return term;
  }
};

/// FP64 sums in increasing k.
struct ordered_sum {
  double value = 0;
  __device__ void add(double term) { value = __dadd_rn(value, term); }
  [[nodiscard]] __device__ float rounded() const { return to_float(value); }
};

/// Where the operands of one tile of 64 x 64 results lie while 16 values of k are multiplied.
inline constexpr int ordered_side = 64, ordered_depth = 16;
template <class Value>
struct ordered_stage {
  Value left[ordered_depth][ordered_side + 1], right[ordered_depth][ordered_side + 1];
  double left_scale[ordered_side], right_scale[ordered_side];
};
template <class A, class B>
using ordered_value = std::conditional_t<fits_float<A, B>(), float, double>;

/// The tile of results from (row, column) on, by a thread block, 4 x 4 a thread, 16 values of k at a
/// time. Sum takes a block's terms in increasing k.
template <class Sum, class A, class B, class OuterOf, class AlphaOf, class Out>
__device__ void multiply_tile_in_order(ordered_stage<ordered_value<A, B>>& stage, A const& a,
                                       B const& b, OuterOf const& outer_of, AlphaOf const& alpha_of,
                                       Out const& out, epilogue const& e, matrix_index row,
                                       matrix_index column) {
  using Value = ordered_value<A, B>;
  constexpr int side = ordered_side, each = 4, depth = ordered_depth, lanes = side / each;
  int const thread = static_cast<int>(threadIdx.x);
  int const my_row = thread / lanes * each, my_column = thread % lanes * each;
  int const load_row = thread / 4, load_k = thread % 4 * 4;
  Sum sums[each][each] = {};
  for (matrix_index block = 0; block < a.blocks(); ++block) {
    Value codes[each][each] = {};
    for (matrix_index step = 0; step < a.steps(); ++step) {
      __syncthreads();
      Value four[4] = {}, other[4] = {};
      auto const first = static_cast<decltype(a.steps())>(step * depth + load_k);
      if (row + load_row < a.rows()) a.read(row + load_row, block, first, four);
      if (column + load_row < b.rows()) b.read(column + load_row, block, first, other);
      for (int i = 0; i < 4; ++i) {
        stage.left[load_k + i][load_row] = four[i];
        stage.right[load_k + i][load_row] = other[i];
      }
      if (A::is_scaled && step == 0 && thread < side) {
        stage.left_scale[thread] = row + thread < a.rows() ? a.scale(row + thread, block) : 0;
        stage.right_scale[thread] =
            column + thread < b.rows() ? b.scale(column + thread, block) : 0;
      }
      __syncthreads();
      for (int k = 0; k < depth; ++k) {
        for (int i = 0; i < each; ++i) {
          for (int j = 0; j < each; ++j) {
            // The product is exact, so it does not matter whether the compiler fuses.
            codes[i][j] += stage.left[k][my_row + i] * stage.right[k][my_column + j];
          }
        }
      }
    }
    for (int i = 0; i < each; ++i) {
      for (int j = 0; j < each; ++j) {
        if constexpr (A::is_scaled) {
          double term =
              __dmul_rn(__dmul_rn(static_cast<double>(codes[i][j]), stage.left_scale[my_row + i]),
                        stage.right_scale[my_column + j]);
          bool const is_inside =
              row + my_row + i < out.extent(0) && column + my_column + j < out.extent(1);
          if (is_inside) {
            term = outer_of(term, row + my_row + i, column + my_column + j,
                            block * A::block_type::size);
          }
          sums[i][j].add(term);
        } else {
          sums[i][j].value = codes[i][j];
        }
      }
    }
  }
  for (int i = 0; i < each; ++i) {
    for (int j = 0; j < each; ++j) {
      matrix_index const r = row + my_row + i, c = column + my_column + j;
      if (r < out.extent(0) && c < out.extent(1)) {
        finish_element(out, r, c, sums[i][j].rounded(), alpha_of(r, c), e);
      }
    }
  }
}

template <class A, class B, class OuterOf, class AlphaOf, class Out>
__global__ void __launch_bounds__(threads_per_block)
    multiply_in_order(A a, B b, OuterOf outer_of, AlphaOf alpha_of, Out out, epilogue e) {
  __shared__ ordered_stage<ordered_value<A, B>> stage;
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(out.extent(1), ordered_side);
  matrix_index const count =
      across * nibble::detail::ceil_div<matrix_index>(out.extent(0), ordered_side);
  for (matrix_index tile = blockIdx.x; tile < count; tile += gridDim.x) {
    multiply_tile_in_order<ordered_sum>(stage, a, b, outer_of, alpha_of, out, e,
                                        tile / across * ordered_side, tile % across * ordered_side);
  }
}

/// Launches multiply_in_order.
template <class A, class B, class OuterOf, class AlphaOf, class Out>
[[nodiscard]] status multiply_in_order(cudaStream_t stream, A const& a, B const& b,
                                       OuterOf const& outer_of, AlphaOf const& alpha_of,
                                       Out const& out, epilogue const& e) {
  matrix_index const tiles = nibble::detail::ceil_div<matrix_index>(out.extent(0), 64) *
                             nibble::detail::ceil_div<matrix_index>(out.extent(1), 64);
  multiply_in_order<A, B, OuterOf, AlphaOf, Out>
      <<<grid_for(tiles * threads_per_block), threads_per_block, 0, stream>>>(a, b, outer_of,
                                                                              alpha_of, out, e);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
