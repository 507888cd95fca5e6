// SPDX-License-Identifier: Apache-2.0
// Random numbers without a state: each is a function of (seed, stream, counter), so any of them can
// be had again, in any order. Good enough to pick text and initial weights; not for cryptography.
#pragma once

#include <cstdint>

namespace train_lm {

/// 64 well-mixed bits (the finalizer of SplitMix64, once per input).
constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream,
                                    std::uint64_t counter) {
  auto const mix = [](std::uint64_t bits) {
    bits += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
  };
  return mix(mix(mix(seed) ^ stream) ^ counter);
}

/// Uniform in [0, 1), a multiple of 2^-53.
constexpr double random_unit(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  return static_cast<double>(random_bits(seed, stream, counter) >> 11) * 0x1p-53;
}

}  // namespace train_lm
