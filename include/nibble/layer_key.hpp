// SPDX-License-Identifier: Apache-2.0
// Which random numbers the operands of a linear layer draw.
#pragma once

#include "nibble/random/philox.hpp"
#include "nibble/random/stream.hpp"
#include "nibble/transform/fresh_hadamard.hpp"

namespace nibble {

/// The six tensors of a layer that may draw random numbers; the role of their streams.
enum class operand_role : std::uint32_t { fprop_x, fprop_w, dgrad_dy, dgrad_w, wgrad_dy, wgrad_x };

/// The three products, whose operands share the signs of a transform.
enum class layer_product : std::uint32_t { fprop, dgrad, wgrad };

/// The product that an operand belongs to.
[[nodiscard]] constexpr layer_product product_of(operand_role role) noexcept {
  return static_cast<layer_product>(static_cast<std::uint32_t>(role) / 2);
}

/// Which random numbers a call draws: a run that stops and resumes with the same keys gives the
/// same bits.
struct layer_key {
  std::uint64_t seed = 0;
  std::uint32_t layer = 0;
  std::uint64_t step = 0;

  [[nodiscard]] constexpr random::philox4x32<> source(operand_role role) const noexcept {
    bool const is_transposed = role >= operand_role::wgrad_dy || role == operand_role::dgrad_w;
    return {
        seed,
        random::stream_id{static_cast<std::uint32_t>(role), layer, step, is_transposed}.value()};
  }
  /// Where the signs of a product's transform come from; see transform::fresh_hadamard.
  [[nodiscard]] constexpr random::philox4x32<> signs(layer_product of) const noexcept {
    return {seed, random::stream_id{6 + static_cast<std::uint32_t>(of), layer, step}.value()};
  }
};

/// A quantizer of this type as an operand of a layer uses it: with the random numbers of its role
/// and, where its transform wants them, the signs of its product.
template <class Quantizer>
[[nodiscard]] constexpr Quantizer keyed(layer_key key, operand_role role) noexcept {
  Quantizer q{};
  if constexpr (Quantizer::rounding_type::is_stochastic) q.rounding.source = key.source(role);
  if constexpr (requires { q.correction.source; }) q.correction.source = key.source(role);
  if constexpr (transform::draws_signs<typename Quantizer::transform_type>) {
    q.transform = Quantizer::transform_type::drawn(key.signs(product_of(role)));
  }
  return q;
}

}  // namespace nibble
