// SPDX-License-Identifier: Apache-2.0
// The three ways to sum a product, over the one loop nest of host_gemm.hpp.
#pragma once

#include "nibble/adaptive_block.hpp"
#include "nibble/dequantize.hpp"
#include "nibble/detail/host_gemm.hpp"
#include "nibble/epilogue.hpp"

namespace nibble::detail {

/// Decodes an operand to code * scale, tensor scales left out: exact in float for E4M3 scales.
template <class Real, int Rows, class View, class Parallel>
[[nodiscard]] panels<Real, Rows> decode_panels(View const& in, bool with_scales,
                                               Parallel const& parallel) {
  using block_type = typename View::block_type;
  constexpr matrix_index size = block_type::size;
  matrix_index const blocks = ceil_div(in.columns(), size);
  panels<Real, Rows> result(in.rows(), blocks * size);
  parallel(in.rows(), grain_for(1, in.columns()), [&](matrix_index first, matrix_index last) {
    for (matrix_index row = first; row < last; ++row) {
      for (matrix_index b = 0; b < blocks; ++b) {
        auto const block = load_block(in, row, b);
        Real const scale =
            with_scales ? static_cast<Real>(static_cast<float>(block.scale)) : Real{1};
        for (int i = 0; i < int{size}; ++i) {
          result.at(row, b * size + i) =
              static_cast<Real>(value_of(block, i)) * scale;
        }
      }
    }
  });
  return result;
}

/// A double through a barrier, as arch::opaque: a product that must not fuse with the next sum.
[[nodiscard]] inline double opaque(double value) noexcept {
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__) && __GNUC__ >= 12
  return __builtin_assoc_barrier(value);
#else
  double volatile kept = value;
  return kept;
#endif
}

/// Applies the epilogue to one sum and writes it.
template <class Out>
void finish_element(Out const& out, matrix_index i, matrix_index j, float sum, float alpha,
                    epilogue const& e) noexcept {
  float result = arch::multiply(alpha, sum);
  if (e.beta != 0.0f) {
    result = arch::add(result, arch::multiply(e.beta, static_cast<float>(out(i, j))));
  }
  if (e.bias != nullptr) result = arch::add(result, e.bias[j]);
  out(i, j) = static_cast<std::remove_cv_t<typename Out::value_type>>(canonical(result));
}

/// Units of 2^-20 in a chunk's sum, which is a multiple of it: every product of two elements is a
/// multiple of .25 and every product of two E4M3 scales of 2^-18.
inline constexpr double units_per_one = 0x1p20;
/// Sums of this many products are exact in FP64: a product is below 2^43 units, 2^10 of them below
/// 2^53.
inline constexpr matrix_index exact_chunk = 1024;
/// And of this many in int64: 2^63 / (144 * 229376^2 units).
inline constexpr matrix_index exact_limit = matrix_index{1} << 20;

template <class A, class B, class AlphaOf, class Out, class Parallel>
void matmul_exact(A const& a, B const& b, AlphaOf alpha_of, Out const& out, epilogue const& e,
                  Parallel const& parallel) {
  using element_a = std::remove_const_t<typename A::element_type>;
  using element_b = std::remove_const_t<typename B::element_type>;
  static_assert(std::is_same_v<element_a, fp4_e2m1> && std::is_same_v<element_b, fp4_e2m1> &&
                    std::is_same_v<std::remove_const_t<typename A::scale_type>, fp8_e4m3> &&
                    std::is_same_v<std::remove_const_t<typename B::scale_type>, fp8_e4m3>,
                "got a format other than e2m1 with E4M3 scales; product::exact is proved for that "
                "one, use product::ordered");
  require(a.columns() <= exact_limit, "nibble::matmul: got a sum over " +
                                          std::to_string(a.columns()) +
                                          " elements, exact sums fit 64 bits up to 2^20; split it");
  auto const left = decode_panels<double, tile_rows>(a, true, parallel);
  auto const right = decode_panels<double, tile_columns<double>>(b, true, parallel);
  for_each_tile(left, right, parallel, [&](matrix_index row_panel, matrix_index column_panel) {
    constexpr int columns = tile_columns<double>;
    std::int64_t units[tile_rows][static_cast<std::size_t>(columns)] = {};
    bool is_nan[tile_rows][static_cast<std::size_t>(columns)] = {};
    for (matrix_index k = 0; k < left.depth(); k += exact_chunk) {
      auto const chunk = multiply_panels(left.panel(row_panel), right.panel(column_panel), k,
                                         std::min(left.depth(), k + exact_chunk));
      for (int i = 0; i < tile_rows; ++i) {
        for (int j = 0; j < columns; ++j) {
          double const sum = chunk.value[i][j];
          is_nan[i][j] = is_nan[i][j] || sum != sum;  // a NaN scale
          units[i][j] += sum != sum ? 0 : static_cast<std::int64_t>(sum * units_per_one);
        }
      }
    }
    for (int i = 0; i < tile_rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        matrix_index const r = row_panel * tile_rows + i, c = column_panel * columns + j;
        if (r >= out.extent(0) || c >= out.extent(1)) continue;
        // int64 to float rounds once; the factor is a power of two and the result far from
        // subnormal.
        float const sum = is_nan[i][j] ? float_from_bits(0x7FC0'0000u)
                                       : static_cast<float>(units[i][j]) * 0x1p-20f;
        finish_element(out, r, c, sum, alpha_of(r, c), e);
      }
    }
  });
}

template <class A, class B, class AlphaOf, class OuterOf, class Out, class Parallel>
void matmul_ordered(A const& a, B const& b, AlphaOf alpha_of, OuterOf outer_of, Out const& out,
                    epilogue const& e, Parallel const& parallel) {
  auto const left = decode_panels<double, tile_rows>(a, false, parallel);
  auto const right = decode_panels<double, tile_columns<double>>(b, false, parallel);
  constexpr matrix_index size = A::block_type::size;
  for_each_tile(left, right, parallel, [&](matrix_index row_panel, matrix_index column_panel) {
    constexpr int columns = tile_columns<double>;
    double sums[tile_rows][static_cast<std::size_t>(columns)] = {};
    matrix_index const first_row = row_panel * tile_rows, first_column = column_panel * columns;
    auto const rows =
        static_cast<int>(std::min<matrix_index>(tile_rows, out.extent(0) - first_row));
    auto const wide =
        static_cast<int>(std::min<matrix_index>(columns, out.extent(1) - first_column));
    for (matrix_index block = 0; block * size < left.depth(); ++block) {
      auto const codes = multiply_panels(left.panel(row_panel), right.panel(column_panel),
                                         block * size, (block + 1) * size);
      for (int i = 0; i < rows; ++i) {
        auto const scale_a = static_cast<double>(static_cast<float>(a.scale(first_row + i, block)));
        for (int j = 0; j < wide; ++j) {
          auto const scale_b =
              static_cast<double>(static_cast<float>(b.scale(first_column + j, block)));
          double term = opaque(opaque(codes.value[i][j] * scale_a) * scale_b);
          term = outer_of(term, first_row + i, first_column + j, block * size);
          sums[i][j] = opaque(sums[i][j] + term);
        }
      }
    }
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < wide; ++j) {
        float const sum = arch::constant::narrow(sums[i][j]);
        finish_element(out, first_row + i, first_column + j, sum,
                       alpha_of(first_row + i, first_column + j), e);
      }
    }
  });
}

/// FP32 products of decoded panels, for the fast mode and for operands that were never quantized.
template <class Real, class AlphaOf, class Out, class Parallel>
void matmul_panels(panels<Real, tile_rows> const& left,
                   panels<Real, tile_columns<Real>> const& right, AlphaOf alpha_of, Out const& out,
                   epilogue const& e, Parallel const& parallel) {
  for_each_tile(left, right, parallel, [&](matrix_index row_panel, matrix_index column_panel) {
    constexpr int columns = tile_columns<Real>;
    auto const sums =
        multiply_panels(left.panel(row_panel), right.panel(column_panel), 0, left.depth());
    for (int i = 0; i < tile_rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        matrix_index const r = row_panel * tile_rows + i, c = column_panel * columns + j;
        if (r >= out.extent(0) || c >= out.extent(1)) continue;
        float const sum = arch::constant::narrow(static_cast<double>(sums.value[i][j]));
        finish_element(out, r, c, sum, alpha_of(r, c), e);
      }
    }
  });
}

}  // namespace nibble::detail
