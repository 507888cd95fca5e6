// SPDX-License-Identifier: Apache-2.0
// Stochastic rounding by the instruction, for those who want its speed more than equal bytes.
#pragma once

#include "nibble/rounding/stochastic.hpp"

namespace nibble::rounding {

/// Rounds e2m1 by cvt.rs where the target has it (sm_100a, sm_103a); everywhere else, and for other
/// formats, it is stochastic<8, Source>.
///
/// rule    elements 4i to 4i + 3 share the random word made of the four bytes that stochastic<8>
///         gives them. Which bits the instruction gives to which element is not documented, so the
///         codes of a value are its two neighbours with the probabilities of 8 random bits, and no
///         more is said; examples/blackwell_self_test measures the rest.
/// errors  as stochastic.
/// bits    outside the promise of equal bytes: equal between runs on one kind of GPU, and equal to
///         stochastic<8> where there is no such instruction.
/// source  PTX ISA, cvt.rs.
template <random::source Source = random::philox4x32<>>
struct hardware_stochastic {
  static constexpr bool is_stochastic = true;

  Source source{};

  /// The codes of N consecutive elements, the first at `position`.
  template <number_type T, std::size_t N>
  [[nodiscard]] NIBBLE_HD constexpr packed<T, int{N}> encode(
      float const (&values)[N], std::uint64_t position) const noexcept {
#if NIBBLE_HAS_CVT_RS_E2M1
    if constexpr (T::format == format::e2m1 && N % 4 == 0) {
      if (!detail::constant_evaluated()) {
        std::uint32_t random[N];
        random::fill<8>(source, position, random);
        packed<T, int{N}> codes{};
        for (std::size_t i = 0; i < N; i += 4) {
          float const four[4] = {values[i], values[i + 1], values[i + 2], values[i + 3]};
          std::uint32_t const pair = arch::ptx::cvt_rs_satfinite_e2m1x4_f32(
              four, random[i] | random[i + 1] << 8 | random[i + 2] << 16 | random[i + 3] << 24);
          codes.bytes()[i / 2] = static_cast<std::uint8_t>(pair);
          codes.bytes()[i / 2 + 1] = static_cast<std::uint8_t>(pair >> 8);
        }
        return codes;
      }
    }
#endif
    return stochastic<8, Source>{source}.template encode<T>(values, position);
  }
};

}  // namespace nibble::rounding
