// SPDX-License-Identifier: Apache-2.0
// A recipe on the host: the calls that nibble::linear makes, over buffers that PyTorch owns.
#pragma once

#include <cstring>

#include "nibble/dequantize.hpp"
#include "nibble/layer_key.hpp"
#include "nibble/matmul.hpp"
#include "nibble/transpose.hpp"
#include "operand_view.hpp"

namespace nibble_torch {

/// bits  operands and exact products: those of nibble::linear.
template <class Recipe>
class host_kernels final : public recipe_kernels {
 public:
  [[nodiscard]] facts facts_of(role r) const override {
    return with_role(r, [&]<role Role>() { return facts_for<quantizer_of<Recipe, Role>>(); });
  }
  [[nodiscard]] layout layout_of(role r, std::int64_t rows, std::int64_t columns) const override {
    return with_role(
        r, [&]<role Role>() { return layout_for<quantizer_of<Recipe, Role>>(rows, columns); });
  }
  [[nodiscard]] std::int64_t making_bytes(tensor, std::int64_t, std::int64_t) const override {
    return 0;
  }

  void find_amaxes(tensor of, matrix const& in, draws const& d, float* to, queue) const override {
    with_tensor(of, [&]<tensor Of>() {
      using first = operand_of<Recipe, earlier(Of)>;
      using second = operand_of<Recipe, later(Of)>;
      require_shared_amaxes<first, second>();
      if constexpr (first::quantizer::has_one_amax && second::quantizer::has_one_amax) {
        auto const values = plain_view<float const>(in.data, in.rows, in.columns);
        nibble::find_amax(values,
                          view_of<typename first::quantizer>(nullptr, in.rows, in.columns, to),
                          drawing<typename first::quantizer>(d, earlier(Of)));
        nibble::find_amax(nibble::transposed(values),
                          view_of<typename second::quantizer>(nullptr, in.columns, in.rows, to + 1),
                          drawing<typename second::quantizer>(d, later(Of)));
      }
    });
  }

  void make(tensor of, matrix const& in, draws const& d, float const* amaxes, void* first_buffer,
            void* second_buffer, void*, queue) const override {
    with_tensor(of, [&]<tensor Of>() {
      using first = operand_of<Recipe, earlier(Of)>;
      using second = operand_of<Recipe, later(Of)>;
      if (amaxes != nullptr) require_shared_amaxes<first, second>();
      auto const values = plain_view<float const>(in.data, in.rows, in.columns);
      auto const q = drawing<typename first::quantizer>(d, earlier(Of));
      auto const out = view_of<typename first::quantizer>(first_buffer, in.rows, in.columns);
      nibble::shard const across{d.where.row, d.where.column,
                                 d.where.rows > 0 ? d.where.columns : 0};
      quantize_one(values, out, q, amaxes, across);
      if (second_buffer == nullptr) return;
      if constexpr (second::from == nibble::operand_source::fresh) {
        quantize_one(nibble::transposed(values),
                     view_of<typename second::quantizer>(second_buffer, in.columns, in.rows),
                     drawing<typename second::quantizer>(d, later(Of)),
                     amaxes == nullptr ? nullptr : amaxes + 1, down(d));
      } else {
        make_later(of, first_buffer, in.rows, in.columns, d, second_buffer, nullptr, nullptr);
      }
    });
  }

  void make_later(tensor of, void const* first_buffer, std::int64_t rows, std::int64_t columns,
                  draws const& d, void* second_buffer, void*, queue) const override {
    with_tensor(of, [&]<tensor Of>() {
      using first = operand_of<Recipe, earlier(Of)>;
      using second = operand_of<Recipe, later(Of)>;
      using quantizer = typename second::quantizer;
      auto const from = view_of<typename first::quantizer>(first_buffer, rows, columns);
      auto const out = view_of<quantizer>(second_buffer, columns, rows);
      if constexpr (second::from == nibble::operand_source::forward) {
        auto const turned = nibble::transpose_tiles<quantizer>(from);
        auto const scales = turned.view().scales;
        std::memcpy(second_buffer, turned.code_bytes().data(), turned.code_bytes().size());
        for (std::int64_t i = 0; i < out.scales.extent(0); ++i) {
          for (std::int64_t j = 0; j < out.scales.extent(1); ++j) out.scales(i, j) = scales(i, j);
        }
        out.amax(0, 0) = turned.view().amax(0, 0);
      } else if constexpr (second::from == nibble::operand_source::requantized) {
        std::vector<float> back(static_cast<std::size_t>(rows * columns));
        auto const decoded = plain_view<float>(back.data(), rows, columns);
        nibble::dequantize(from, decoded, drawing<typename first::quantizer>(d, earlier(Of)));
        quantize_one(nibble::transposed(decoded), out, drawing<quantizer>(d, later(Of)), nullptr,
                     down(d));
      } else {
        throw std::invalid_argument(no_later_operand);
      }
    });
  }

  [[nodiscard]] std::int64_t multiplying_bytes(layer_product, bool, std::int64_t, std::int64_t,
                                               std::int64_t, number) const override {
    return 0;
  }

  void multiply(layer_product p, bool is_exact, void const* a, void const* b, std::int64_t k,
                matrix const& out, void*, std::int64_t, queue) const override {
    with_product(p, [&]<layer_product Product>() {
      using left = quantizer_of<Recipe, left_of(Product)>;
      using right = quantizer_of<Recipe, right_of(Product)>;
      auto const of_a = view_of<left>(a, out.rows, k);
      auto const of_b = view_of<right>(b, out.columns, k);
      auto const result = plain_view<float>(out.data, out.rows, out.columns);
      if (is_exact) {
        nibble::matmul<exact_mode<left, right>()>(of_a, left{}, of_b, right{}, result);
      } else {
        nibble::matmul<nibble::product::fast>(of_a, left{}, of_b, right{}, result);
      }
    });
  }

  void decode(role r, void const* operand, draws const& d, matrix const& out,
              queue) const override {
    with_role(r, [&]<role Role>() {
      using quantizer = quantizer_of<Recipe, Role>;
      nibble::dequantize(view_of<quantizer>(operand, out.rows, out.columns),
                         plain_view<float>(out.data, out.rows, out.columns),
                         drawing<quantizer>(d, Role));
    });
  }

 private:
  /// A quantizer with the random numbers of its role.
  template <class Quantizer>
  [[nodiscard]] static Quantizer drawing(draws const& d, role r) {
    Quantizer q{};
    nibble::random::philox4x32<> const source{d.seed, d.streams[static_cast<int>(r)]};
    if constexpr (Quantizer::rounding_type::is_stochastic) q.rounding.source = source;
    if constexpr (requires { q.correction.source; }) q.correction.source = source;
    if constexpr (nibble::transform::draws_signs<typename Quantizer::transform_type>) {
      nibble::random::philox4x32<> const signs{d.seed, d.streams[6 + static_cast<int>(r) / 2]};
      q.transform = Quantizer::transform_type::drawn(signs);
    }
    return q;
  }

  /// Where the transposed matrix lies in the whole.
  [[nodiscard]] static nibble::shard down(draws const& d) {
    return {d.where.column, d.where.row, d.where.rows};
  }

  template <class In, class View, class Quantizer>
  static void quantize_one(In const& in, View const& out, Quantizer const& q, float const* amax,
                           nibble::shard where) {
    if (amax != nullptr) {
      out.amax(0, 0) = *amax;
    } else {
      nibble::find_amax(in, out, q);
    }
    nibble::quantize_with_amax(in, out, q, nibble::threads{}, where);
  }
};

}  // namespace nibble_torch
