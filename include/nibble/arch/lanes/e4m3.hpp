// SPDX-License-Identifier: Apache-2.0
// e4m3 codes of several block scales at once.
#pragma once

#include "nibble/arch/lanes/vector.hpp"

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

#if defined(__clang__)
#pragma float_control(precise, on, push)  // as in arithmetic.hpp
#endif

/// Codes, and the numbers that they stand for.
struct e4m3_scales {
  integers codes;
  floats values;
};

/// The e4m3 numbers nearest to |value|, ties to even; 448 stands for what is larger, and for NaN.
///
/// rule    as round_to_e2m1: the last place of the sum of |value| and `offset` is the step of the
///         grid in that binade, which is 2^-9 below 2^-6. A binade has 8 steps.
[[nodiscard]] inline e4m3_scales round_to_e4m3(floats value) noexcept {
  integers const magnitude = smaller((integers)value & magnitude_mask, integers{} + 0x43E0'0000);
  integers const binade = larger(magnitude & infinity, integers{} + (121 << 23));
  integers const offset = binade + (20 << 23 | 0x40'0000);
  floats const sum = opaque_lanes((floats)magnitude + (floats)offset);
  return {(integers)sum - offset + (binade >> 20) - 121 * 8, sum - (floats)offset};
}

#if defined(__clang__)
#pragma float_control(pop)
#endif

}  // namespace nibble::arch::lanes

#endif
