// SPDX-License-Identifier: Apache-2.0
// Digests of everything that the first training step quantizes, in its order: two builds of the
// program agree up to the line from which their float algebra parts.
#pragma once

#include <cinttypes>
#include <cstdio>
#include <string>

#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/fnv1a.hpp"
#include "train_lm/quantized_projection.hpp"
#include "train_lm/trainer.hpp"

namespace train_lm {

/// Of codes, scales and amaxes.
template <class Block, class Layout>
std::uint64_t digest_of(nibble::quantized_matrix<Block, Layout> const& of) {
  auto const add = [](auto const& values, std::uint64_t digest) {
    return fnv1a({reinterpret_cast<char const*>(values.data()), values.size() * sizeof(values[0])},
                 digest);
  };
  return add(of.amax(), add(of.scales(), add(of.code_bytes(), fnv1a({}))));
}

/// A projection under nvfp4 with exact products that writes a line for each of its operands.
class digesting_projection final : public projection<float> {
 public:
  using recipe = nibble::recipes::nvfp4;

  digesting_projection(parameter<float>& weight, std::uint32_t layer, std::string& lines)
      : weight_{weight}, layer_{layer}, lines_{lines}, inner_{weight, layer} {}

  void forward(matrix<float> const& x, matrix<float>& y, step_context const& context) override {
    using nibble::operand_role;
    matrix<float> const& weight = weight_.value;
    write<recipe::fprop_x>("fprop x", view_of(x), operand_role::fprop_x, context);
    write<recipe::fprop_w>("fprop w", view_of(weight), operand_role::fprop_w, context);
    write<recipe::wgrad_x>("wgrad x", nibble::transposed(view_of(x)), operand_role::wgrad_x,
                           context);
    inner_.forward(x, y, context);
  }

  void backward(matrix<float> const& dy, matrix<float>& dx, step_context const& context) override {
    using nibble::operand_role;
    write<recipe::dgrad_dy>("dgrad dy", view_of(dy), operand_role::dgrad_dy, context);
    write<recipe::wgrad_dy>("wgrad dy", nibble::transposed(view_of(dy)), operand_role::wgrad_dy,
                            context);
    inner_.backward(dy, dx, context);
  }

 private:
  template <class Operand, class View>
  void write(char const* what, View const& of, nibble::operand_role role,
             step_context const& context) {
    typename Operand::quantizer q{};
    if constexpr (Operand::quantizer::rounding_type::is_stochastic)
      q.rounding.source = nibble::layer_key{context.seed, layer_, context.step}.source(role);
    char digits[24];
    std::snprintf(digits, sizeof digits, "%016" PRIx64,
                  digest_of(nibble::quantized(of, q, nibble_parallel{context.parallel})));
    lines_ += std::string{digits} + "  " + weight_.name + "  " + what + "\n";
  }

  parameter<float>& weight_;
  std::uint32_t layer_;
  std::string& lines_;
  quantized_projection<float, recipe, nibble::product::exact> inner_;
};

/// One line for each quantized tensor of the first step of a run, every layer in NVFP4.
inline std::string digest_of_first_step(text const& lines, training_options const& options,
                                        parallel_for const& parallel) {
  std::string result;
  projection_factory<float> const digesting = [&result](projection_place const& place,
                                                        parameter<float>& weight) {
    auto const where = place_in_plan(place);
    return std::make_unique<digesting_projection>(
        weight, static_cast<std::uint32_t>(where.block * 8 + static_cast<int>(where.role)), result);
  };
  trainer training{{"digest", digesting}, model_config{}, options, lines, parallel};
  training.step();
  return result;
}

}  // namespace train_lm
