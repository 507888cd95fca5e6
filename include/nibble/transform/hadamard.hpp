// SPDX-License-Identifier: Apache-2.0
// The Walsh-Hadamard transform in the one arithmetic that all of the library uses.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/lanes/hadamard.hpp"
#include "nibble/bf16.hpp"
#include "nibble/transform/policy.hpp"

namespace nibble::transform {

/// y = H x / sqrt(N), H_ij = (-1)^popcount(i & j).
///
/// shape   N consecutive elements, N = 16, 32, 64 or 128, whatever the block size is.
/// rule    butterflies in FP32 with strides 1, 2, 4, ..., then one multiplication by fl(1 /
///         sqrt(N)), then, where Result is bf16, rounding to it.
/// errors  NaN and infinity spread over the group.
/// bits    identical everywhere. Equal to TransformerEngine's tensor-core sums where those are
///         exact, as for data of ordinary spread; beyond about 12 bits of spread in a group they
///         need not be.
template <int N = 16, class Result = float>
struct hadamard {
  static_assert(N == 16 || N == 32 || N == 64 || N == 128,
                "got another size; need 16, 32, 64 or 128");
  static_assert(std::is_same_v<Result, float> || std::is_same_v<Result, bf16>,
                "got another result type; need float or nibble::bf16");
  static constexpr int size = N;
  static constexpr float factor = N == 16   ? 0.25f
                                  : N == 32 ? 0x1.6A09E6p-3f  // fl(1 / sqrt(32))
                                  : N == 64 ? 0.125f
                                            : 0x1.6A09E6p-4f;  // fl(1 / sqrt(128))

  NIBBLE_HD static constexpr void apply(float (&values)[std::size_t{N}]) noexcept {
#if NIBBLE_HAS_LANES
    if (!detail::constant_evaluated()) {
      return arch::lanes::hadamard(values, factor, std::is_same_v<Result, bf16>);
    }
#endif
    for (int stride = 1; stride < N; stride *= 2) {
      for (int first = 0; first < N; first += 2 * stride) {
        for (int i = first; i < first + stride; ++i) {
          float const a = values[i], b = values[i + stride];
          values[i] = arch::add(a, b);
          values[i + stride] = arch::subtract(a, b);
        }
      }
    }
    for (float& value : values) {
      value = arch::multiply(value, factor);
      if constexpr (std::is_same_v<Result, bf16>) value = static_cast<float>(bf16(value));
    }
  }

  /// H is its own inverse up to the factor, so this is apply without the rounding to Result.
  NIBBLE_HD static constexpr void invert(float (&values)[std::size_t{N}]) noexcept {
    hadamard<N, float>::apply(values);
  }
};

}  // namespace nibble::transform
