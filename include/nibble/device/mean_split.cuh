// SPDX-License-Identifier: Apache-2.0
// A matrix as the mean of its rows and what is left, on the device: the bytes of
// nibble/mean_split.hpp.
#pragma once

#include <cuda/std/span>
#include <cuda/stream_ref>

#include "nibble/device/elements.cuh"
#include "nibble/device/workspace.cuh"

namespace nibble::device {

namespace detail {

struct keep_mean {
  float* to;
  double count;
  __device__ void operator()(matrix_index i, double sum) const {
    to[i] = count == 0 ? 0.0f : written_as<float>(to_float(__ddiv_rn(sum, count)));
  }
};
struct keep_sum {
  float* to;
  __device__ void operator()(matrix_index i, double sum) const {
    to[i] = written_as<float>(to_float(sum));
  }
};
template <class In, class Out>
struct less_mean {
  In in;
  float const* means;
  Out out;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    out(i, j) = arch::subtract(static_cast<float>(in(i, j)), means[j]);
  }
};
template <class Out>
struct plus_rank_one {
  Out out;
  float scale;
  float const *left, *right;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    float const factor = left == nullptr ? scale : arch::multiply(scale, left[i]);
    out(i, j) = written_as<typename Out::value_type>(
        arch::add(static_cast<float>(out(i, j)), arch::multiply(factor, right[j])));
  }
};

}  // namespace detail

/// The mean of every column; see nibble::column_means.
///
/// shape   means: in.extent(1) floats that the device can write.
/// errors  shape_mismatch. Allocates nothing, can be captured in a graph.
/// bits    those of nibble::column_means.
template <class In>
status column_means(::cuda::stream_ref stream, In const& in, ::cuda::std::span<float> means) {
  if (static_cast<matrix_index>(means.size()) != in.extent(1)) return status::shape_mismatch;
  return detail::for_each_sum(stream.get(), transposed(in), detail::plain_terms{},
                              detail::keep_mean{means.data(), static_cast<double>(in.extent(0))});
}

/// out = in less the mean of its column, one FP32 subtraction an element; see nibble::centered.
///
/// errors  shape_mismatch. Allocates nothing, can be captured in a graph.
template <class In>
status centered(::cuda::stream_ref stream, In const& in, ::cuda::std::span<float const> means,
                matrix_view<float> const& out) {
  if (static_cast<matrix_index>(means.size()) != in.extent(1) || out.extent(0) != in.extent(0) ||
      out.extent(1) != in.extent(1)) {
    return status::shape_mismatch;
  }
  return detail::for_each_element(stream.get(), in.extent(0), in.extent(1),
                                  detail::less_mean<In, matrix_view<float>>{in, means.data(), out});
}

/// to[j] = sum_k weights[k] m(j, k): what the mean contributes to a product with m; see
/// nibble::times_rows.
///
/// errors  shape_mismatch. Allocates nothing, can be captured in a graph.
/// bits    those of nibble::times_rows.
template <class In>
status times_rows(::cuda::stream_ref stream, In const& m, ::cuda::std::span<float const> weights,
                  ::cuda::std::span<float> to) {
  if (static_cast<matrix_index>(weights.size()) != m.extent(1) ||
      static_cast<matrix_index>(to.size()) != m.extent(0)) {
    return status::shape_mismatch;
  }
  return detail::for_each_sum(stream.get(), m, detail::weighted_terms{weights.data()},
                              detail::keep_sum{to.data()});
}

/// out(i, j) += (scale * left[i]) * right[j]; left empty: ones. See nibble::add_rank_one.
///
/// errors  shape_mismatch. Allocates nothing, can be captured in a graph.
/// bits    those of nibble::add_rank_one.
template <class Out>
status add_rank_one(::cuda::stream_ref stream, Out const& out, float scale,
                    ::cuda::std::span<float const> left, ::cuda::std::span<float const> right) {
  if ((!left.empty() && static_cast<matrix_index>(left.size()) != out.extent(0)) ||
      static_cast<matrix_index>(right.size()) != out.extent(1)) {
    return status::shape_mismatch;
  }
  return detail::for_each_element(
      stream.get(), out.extent(0), out.extent(1),
      detail::plus_rank_one<Out>{out, scale, left.empty() ? nullptr : left.data(), right.data()});
}

namespace detail {

/// The split of one tensor of a layer's call and what it works in; without Splits, the tensor
/// itself and no memory.
template <bool Splits>
struct split_step {
  matrix_index rows, columns, terms;
  float *whole, *own_means, *term;

  /// term_count: the extent of the results that the mean goes back to.
  split_step(arena& memory, matrix_index rows_, matrix_index columns_,
             matrix_index term_count) noexcept
      : rows(rows_),
        columns(columns_),
        terms(term_count),
        whole(memory.take<float>(Splits ? rows * columns : 0)),
        own_means(memory.take<float>(Splits ? columns : 0)),
        term(memory.take<float>(Splits ? terms : 0)) {}

  /// body(what is left of `in`), its means in `means`.
  template <class In, class Body>
  [[nodiscard]] status run(::cuda::stream_ref stream, In const& in, float* means,
                           Body const& body) const {
    if constexpr (Splits) {
      auto const size = static_cast<std::size_t>(columns);
      auto const rest = matrix_at(whole, rows, columns);
      status s = column_means(stream, in, {means, size});
      if (s == status::success) s = centered(stream, in, {means, size}, rest);
      return s == status::success ? body(rest) : s;
    } else {
      return body(in);
    }
  }

  /// Adds what the means contribute to a product with m to every row of its result.
  template <class M, class Out>
  [[nodiscard]] status add_back(::cuda::stream_ref stream, M const& m, float const* means,
                                Out const& out) const {
    auto const size = static_cast<std::size_t>(terms);
    status const s =
        times_rows(stream, m, {means, static_cast<std::size_t>(columns)}, {term, size});
    return s == status::success ? add_rank_one(stream, out, 1.0f, {}, {term, size}) : s;
  }
};

}  // namespace detail

}  // namespace nibble::device
