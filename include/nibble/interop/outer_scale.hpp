// SPDX-License-Identifier: Apache-2.0
// The tensor scale as checkpoints keep it: some store what a code is multiplied with, others the
// reciprocal of that, and nothing in the file says which.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/bf16.hpp"
#include "nibble/fp16.hpp"
#include "nibble/tensor_scale/policy.hpp"

namespace nibble::interop {

/// The tensor scale in its two writings, as types that do not convert into one another.
struct multiplier {
  float value;  // a code is worth code * (scale * value)
  friend constexpr bool operator==(multiplier, multiplier) = default;
};
/// The other: nothing in a file tells them apart.
struct divisor {
  float value;  // a code is worth code * (scale / value)
  friend constexpr bool operator==(divisor, divisor) = default;
};

/// amax / 2688, a multiplier: weight_scale_2 of ModelOpt, per_tensor_scale of torchao.
///
/// rule    one FP32 division.
/// errors  1 where the quotient is 0, that is for tensors of zeros: the libraries store 0 there, and
///         NaN as every block scale.
/// bits    identical everywhere.
[[nodiscard]] NIBBLE_HD constexpr multiplier multiplier_of(tensor_amax amax) noexcept {
  float const quotient = arch::divide(amax.value, 2688.0f);
  return {arch::equal(quotient, 0) ? 1.0f : quotient};
}

/// 2688 / amax, a divisor: weight_global_scale of compressed-tensors.
///
/// rule    (1 / amax) * 2688, since PyTorch divides a number by a tensor that way, each step rounded
///         to the type of the weights.
/// errors  an amax below the type's smallest normal number counts as that number; a result beyond
///         its largest becomes 1, as for every fp16 weight with an amax under 0.041.
/// bits    identical everywhere.
template <class Weight = float>
[[nodiscard]] NIBBLE_HD constexpr divisor divisor_of(tensor_amax amax) noexcept {
  constexpr float tiny = std::is_same_v<Weight, fp16> ? 0x1p-14f : 0x1p-126f;
  float const bounded = arch::less(amax.value, tiny) ? tiny : amax.value;
  auto const reciprocal = static_cast<float>(Weight(arch::divide(1.0f, bounded)));
  auto const result = static_cast<float>(Weight(arch::multiply(reciprocal, 2688.0f)));
  return {detail::magnitude_bits(result) < detail::infinity_bits ? result : 1.0f};
}

/// An outer scale that is kept as a multiplier: a code is worth code * (scale * multiplier).
///
/// rule    FromAmax: multiplier_of(amax). Otherwise the amax slot of a view holds the multiplier
///         itself, as read from a file: amax cannot always be found from it.
template <bool FromAmax = true>
struct outer_multiplier {
  static constexpr tensor_scale::granularity shares = tensor_scale::granularity::tensor;
  static constexpr int bound = 448;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr tensor_scale::factors from(tensor_amax amax) noexcept {
    float const multiplier = FromAmax ? multiplier_of(amax).value : amax.value;
    return {amax.value, arch::divide(1.0f, multiplier), multiplier};
  }
  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float decode(float scale,
                                                        tensor_scale::factors const& f) noexcept {
    return arch::multiply(scale, f.decode);
  }
};

/// An outer scale that is kept as a divisor: a code is worth code * (scale / divisor).
///
/// rule    FromAmax: divisor_of<Weight>(amax). Otherwise the amax slot of a view holds the divisor
///         itself.
template <class Weight = float, bool FromAmax = true>
struct outer_divisor {
  static constexpr tensor_scale::granularity shares = tensor_scale::granularity::tensor;
  static constexpr int bound = 448;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr tensor_scale::factors from(tensor_amax amax) noexcept {
    float const divisor = FromAmax ? divisor_of<Weight>(amax).value : amax.value;
    return {amax.value, divisor, arch::divide(1.0f, divisor)};
  }
  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float decode(float scale,
                                                        tensor_scale::factors const& f) noexcept {
    return arch::divide(scale, f.encode);
  }
};

}  // namespace nibble::interop
