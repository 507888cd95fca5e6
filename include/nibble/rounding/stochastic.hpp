// SPDX-License-Identifier: Apache-2.0
// Stochastic rounding: up with a probability equal to the fraction, so that errors average out.
#pragma once

#include "nibble/random/philox.hpp"
#include "nibble/random/table.hpp"
#include "nibble/rounding/policy.hpp"

namespace nibble::rounding {

/// Rounds away from zero where adding Bits random bits to the discarded fraction carries.
///
/// rule    floor(2^Bits f) of the 2^Bits random numbers round away, f being the fraction between
///         the two codes. 8 bits are what the hardware has: the mean is then up to 2^-8 of a step
///         low, and what is below 2^-8 of the smallest step becomes 0. With 24 bits that bias is
///         2^-24.
/// errors  beyond the largest number it saturates, which biases; see headroom in scaling::amax. NaN as
///         the number type's own conversion.
/// bits    identical everywhere: a function of the value, the source and the element's position.
/// source  NVIDIA, arXiv 2509.25149; PTX ISA, cvt.rs (the instruction's own use of its random bits
///         is not documented, so it is not used here).
template <int Bits = 8, random::source Source = random::philox4x32<>>
struct stochastic {
  static constexpr bool is_stochastic = true;

  Source source{};

  /// The T that `value` rounds to, given the random number (its low Bits bits count).
  template <number_type T>
  [[nodiscard]] NIBBLE_HD static constexpr T round(float value, std::uint32_t random) noexcept {
    return T::from_bits(format::encode<T::format, format::stochastic<Bits>>(value, random));
  }

  /// The codes of N consecutive elements, the first at `position`; see random::element_bits.
  template <number_type T, std::size_t N>
  [[nodiscard]] NIBBLE_HD constexpr packed<T, int{N}> encode(
      float const (&values)[N], std::uint64_t position) const noexcept {
    std::uint32_t random[N]{};
    random::fill<Bits>(source, position, random);
    packed<T, int{N}> codes{};
#if NIBBLE_HAS_LANES
    if constexpr (T::format == format::e2m1 && N % 16 == 0) {
      if (!detail::constant_evaluated()) {
        arch::lanes::encode_e2m1_stochastic<Bits>(values, random, codes.bytes());
        return codes;
      }
    }
#elif NIBBLE_HAS_DEVICE
    if constexpr (T::format == format::e2m1 && N % 8 == 0 && Bits <= 16) {
      if (!detail::constant_evaluated()) {
        arch::encode_e2m1_stochastic<Bits>(values, random, codes.bytes());
        return codes;
      }
    }
#endif
    for (int i = 0; i < int{N}; ++i) codes.set(i, round<T>(values[i], random[i]));
    return codes;
  }

  /// How many calls of the source `count` consecutive elements draw from, wherever they begin: at
  /// most.
  [[nodiscard]] NIBBLE_HD static constexpr std::size_t calls_for(std::size_t count) noexcept {
    return count / per_call + 2;
  }

  /// The same rounding for the `count` elements from `position` on, whose random numbers are drawn
  /// at once, into `storage` of calls_for(count) words.
  [[nodiscard]] NIBBLE_HD constexpr stochastic<Bits, random::table> drawn(
      std::uint64_t position, std::size_t count,
      random::words* storage) const noexcept requires random::batched_source<Source> {
    std::uint64_t const first = position / per_call;
    source.calls(first, static_cast<std::size_t>((position + count) / per_call - first + 1),
                 storage);
    return {{storage, first}};
  }

 private:
  static constexpr std::uint64_t per_call = std::uint64_t{4} * (32 / Bits);
};

}  // namespace nibble::rounding
