// SPDX-License-Identifier: Apache-2.0
// Quantizers as kernels take them: what is the same for every block is found before the launch, and read
// as a constant.
#pragma once

#include "nibble/quantizer.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/transform/random_hadamard.hpp"

namespace nibble::device {

/// random::philox4x32 under one seed and stream, with the keys of its rounds.
///
/// bits    those of the source it is made from.
template <int Rounds>
struct philox_keyed {
  std::uint64_t stream = 0;
  std::uint32_t keys[std::size_t{Rounds}][2] = {};

  constexpr philox_keyed() noexcept = default;
  constexpr explicit philox_keyed(random::philox4x32<Rounds> const& source) noexcept
      : stream(source.stream) {
    for (std::uint32_t round = 0; round < Rounds; ++round) {
      keys[round][0] = static_cast<std::uint32_t>(source.seed) + round * random::philox_step(0);
      keys[round][1] =
          static_cast<std::uint32_t>(source.seed >> 32) + round * random::philox_step(1);
    }
  }

  [[nodiscard]] NIBBLE_HD constexpr random::words operator()(std::uint64_t call) const noexcept {
    return random::philox_rounds<Rounds>(call, stream,
                                         [this](int round, int word) { return keys[round][word]; });
  }
};

/// transform::random_hadamard of 16, with its signs where pairs of bf16 have theirs.
///
/// bits    those of the transform it is made from.
struct hadamard_16_by_pairs : transform::random_hadamard<16, bf16> {
  std::uint32_t of_both[16] = {};       // element i's sign, for a pair of two such elements
  std::uint32_t of_neighbours[8] = {};  // the signs of elements 2 i and 2 i + 1

  constexpr hadamard_16_by_pairs() noexcept = default;
  constexpr explicit hadamard_16_by_pairs(transform::random_hadamard<16, bf16> const& from) noexcept
      : transform::random_hadamard<16, bf16>(from) {
    for (int i = 0; i < 16; ++i) {
      bool const is_flipped = (from.signs[0] >> i & 1u) != 0;
      of_both[i] = is_flipped ? 0x8000'8000u : 0;
      of_neighbours[i / 2] |= of_both[i] & (i % 2 == 0 ? 0x0000'8000u : 0x8000'0000u);
    }
  }
};

namespace detail {

/// Is it a Hadamard transform of 16 with a bf16 result?
template <class Transform>
inline constexpr bool is_hadamard_16 = false;
template <>
inline constexpr bool is_hadamard_16<transform::hadamard<16, bf16>> = true;
template <>
inline constexpr bool is_hadamard_16<transform::random_hadamard<16, bf16>> = true;
template <>
inline constexpr bool is_hadamard_16<hadamard_16_by_pairs> = true;

/// Does it leave pairs of bf16 that are pairs of bf16?
template <class Transform>
inline constexpr bool leaves_pairs = Transform::size == 1 || is_hadamard_16<Transform>;

template <class Policy>
[[nodiscard]] Policy const& prepared_policy(Policy const& policy) noexcept {
  return policy;
}
template <int Bits, int Rounds>
[[nodiscard]] auto prepared_policy(
    rounding::stochastic<Bits, random::philox4x32<Rounds>> const& policy) noexcept {
  using keyed = philox_keyed<Rounds>;
  return rounding::stochastic<Bits, keyed>{keyed(policy.source)};
}
[[nodiscard]] inline auto prepared_policy(
    transform::random_hadamard<16, bf16> const& policy) noexcept {
  return hadamard_16_by_pairs(policy);
}

/// The quantizer that makes the same bytes and knows beforehand what it can.
template <class Block, class Scaling, class Rounding, class Transform, class Correction>
[[nodiscard]] auto prepared(
    quantizer<Block, Scaling, Rounding, Transform, Correction> const& q) noexcept {
  auto const rounding = prepared_policy(q.rounding);
  auto const transform = prepared_policy(q.transform);
  return quantizer<Block, Scaling, std::remove_const_t<decltype(rounding)>,
                   std::remove_const_t<decltype(transform)>, Correction>{q.scaling, rounding,
                                                                         transform, q.correction};
}
template <class NotOne>
[[nodiscard]] NotOne const& prepared(NotOne const& side) noexcept {
  return side;
}

}  // namespace detail

}  // namespace nibble::device
