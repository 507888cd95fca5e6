// SPDX-License-Identifier: Apache-2.0
// The columns that carry a matrix's outliers, found and taken apart on the device: the bytes of
// nibble/hot_channels.hpp, and the product of their own that a layer gives them.
#pragma once

#include "nibble/device/elements.cuh"
#include "nibble/device/layer_product.cuh"
#include "nibble/hot_channels.hpp"

namespace nibble::device::detail {

struct keep_exactly {
  double* to;
  __device__ void operator()(matrix_index i, double sum) const { to[i] = sum; }
};

/// Is column j among the `count` with the largest sums? Of equal sums the lower column comes first,
/// so that never more than `count` are.
struct mark_hottest {
  double const* sums;
  matrix_index columns, count;
  std::uint8_t* is_hot;
  __device__ void operator()(matrix_index, matrix_index j) const {
    double const mine = sums[j];
    matrix_index before = 0;
    for (matrix_index i = 0; i < columns; ++i) {
      before += nibble::detail::is_hotter(sums[i], mine) ||
                        (i < j && !nibble::detail::is_hotter(mine, sums[i]))
                    ? 1
                    : 0;
    }
    is_hot[j] = before < count ? 1 : 0;
  }
};
struct list_marked {
  std::uint8_t const* is_hot;
  matrix_index* to;
  __device__ void operator()(matrix_index, matrix_index j) const {
    if (is_hot[j] == 0) return;
    matrix_index before = 0;
    for (matrix_index i = 0; i < j; ++i) before += is_hot[i];
    to[before] = j;
  }
};

/// The hot columns side by side, less those of `lost` where it is given.
template <class In>
struct gather_columns {
  In in;
  matrix_index const* hot;
  float const* less;  // of in's shape, rows one after the other, or null
  matrix_view<float> to;
  __device__ void operator()(matrix_index i, matrix_index c) const {
    matrix_index const j = hot[c];
    float const value = static_cast<float>(in(i, j));
    to(i, c) = less == nullptr ? value : arch::subtract(value, less[i * in.extent(1) + j]);
  }
};
template <class In>
struct clear_columns {
  In in;
  std::uint8_t const* is_hot;
  matrix_view<float> to;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    to(i, j) = is_hot[j] != 0 ? 0.0f : static_cast<float>(in(i, j));
  }
};

/// How many of so many columns are hot.
[[nodiscard]] constexpr matrix_index hot_count(matrix_index columns, int percent) noexcept {
  return (columns * percent + 99) / 100;
}

/// Finds the `count` columns with the largest sums of squares: marks them, and lists them in
/// increasing order.
///
/// rule    as nibble::hot_channels; every column is compared with every other, which for a few
///         thousand takes less than a pass over the matrix.
template <class In>
[[nodiscard]] status find_hot_channels(cudaStream_t stream, In const& in, matrix_index count,
                                       double* sums, std::uint8_t* is_hot, matrix_index* hot) {
  matrix_index const columns = in.extent(1);
  status s = for_each_sum(stream, transposed(in), squared_terms{}, keep_exactly{sums});
  if (s != status::success) return s;
  s = for_each_element(stream, 1, columns, mark_hottest{sums, columns, count, is_hot});
  if (s != status::success) return s;
  return for_each_element(stream, 1, columns, list_marked{is_hot, hot});
}

/// The memory and the products of a layer's hot channels; nothing where a recipe has none.
template <class Recipe, product Mode>
struct channel_step {
  channel_step(arena&, matrix_index, matrix_index, matrix_index) noexcept {}
};
template <class Recipe, product Mode>
requires(Recipe::channels::percent > 0) struct channel_step<Recipe, Mode> {
  using channels = typename Recipe::channels;
  using high = typename channels::high;

  matrix_index tokens, inputs, outputs, count;
  double* sums;
  std::uint8_t* is_hot;
  matrix_index* hot;
  float *whole, *x_apart, *w_apart;
  layer_operand<high, Mode> x, w;

  channel_step(arena& memory, matrix_index tokens_, matrix_index inputs_,
               matrix_index outputs_) noexcept
      : tokens(tokens_),
        inputs(inputs_),
        outputs(outputs_),
        count(hot_count(inputs, channels::percent)),
        sums(memory.take<double>(inputs)),
        is_hot(memory.take<std::uint8_t>(inputs)),
        hot(memory.take<matrix_index>(count)),
        whole(memory.take<float>(tokens * inputs)),
        x_apart(memory.take<float>(tokens * count)),
        w_apart(memory.take<float>(outputs * count)),
        x(memory, tokens, count),
        w(memory, outputs, count) {}

  /// Finds the channels of `in` and calls make(matrix) with what the main product quantizes.
  template <class In, class Make>
  [[nodiscard]] status separate(cudaStream_t stream, In const& in, Make const& make) const {
    status s = find_hot_channels(stream, in, count, sums, is_hot, hot);
    if (s != status::success) return s;
    if constexpr (channels::is_residual) {
      return make(in);
    } else {
      auto const rest = matrix_at(whole, tokens, inputs);
      s = for_each_element(stream, tokens, inputs, clear_columns<In>{in, is_hot, rest});
      return s == status::success ? make(rest) : s;
    }
  }

  /// y += the product of the hot channels; main: fprop's x, as it was multiplied.
  template <class In, class W, class Main, class Y>
  [[nodiscard]] status multiply(cublas::handle const& handle, ::cuda::stream_ref stream,
                                workspace const& scratch, In const& in, W const& weights,
                                Main const& main, Y const& y, layer_key key) const {
    float const* less = nullptr;
    status s{};
    if constexpr (channels::is_residual) {
      using quantizer = typename Main::quantizer;
      s = dequantize(stream, main.view, matrix_at(whole, tokens, inputs),
                     keyed<quantizer>(key, operand_role::fprop_x));
      if (s != status::success) return s;
      less = whole;
    }
    auto const x_view = matrix_at(x_apart, tokens, count),
               w_view = matrix_at(w_apart, outputs, count);
    s = for_each_element(stream.get(), tokens, count, gather_columns<In>{in, hot, less, x_view});
    if (s != status::success) return s;
    s = for_each_element(stream.get(), outputs, count,
                         gather_columns<W>{weights, hot, nullptr, w_view});
    if (s == status::success) s = make_one(stream, x_view, x, key, operand_role::fprop_x);
    if (s == status::success) s = make_one(stream, w_view, w, key, operand_role::fprop_w);
    if (s != status::success) return s;
    return multiply_operands<Mode>(handle, stream, scratch, x, w, y, 1.0f);
  }
};

}  // namespace nibble::device::detail
