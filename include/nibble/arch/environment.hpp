// SPDX-License-Identifier: Apache-2.0
// Looks at the floating-point state of the running thread, which no header can see: a library
// linked with -ffast-math switches flush-to-zero on for the whole process when it is loaded.
#pragma once

#include "nibble/detail/bits.hpp"

namespace nibble::arch {

/// What the running thread does to floats. The promised bits need every member to be true.
struct environment {
  bool rounds_to_nearest;
  bool keeps_subnormal_results;   // false: results are flushed to zero (FTZ)
  bool keeps_subnormal_operands;  // false: operands are taken for zero (DAZ)

  [[nodiscard]] constexpr bool is_ieee() const noexcept {
    return rounds_to_nearest && keeps_subnormal_results && keeps_subnormal_operands;
  }
};

/// The floating-point environment of this thread, found by doing five operations: no register is
/// read, so it works on any processor.
[[nodiscard]] inline environment current_environment() noexcept {
  // volatile: the operations must happen here and now, not when the program was compiled.
  float const volatile one = 1.0f;
  float const volatile quarter_step =
      0x1p-25f;  // a quarter of the distance from 1 to the next float
  float const volatile smallest_normal = 0x1p-126f;
  float const volatile smallest = 0x1p-149f;
  float const volatile huge_factor = 0x1p100f;
  float const volatile half = 0.5f;

  float const volatile up = one + quarter_step;  // > 1 when rounding upwards
  float const volatile down =
      one - quarter_step;  // 1 - 2^-25 is a tie with 1: below when downwards
  float const volatile flushed = smallest_normal * half;
  float const volatile operand = smallest * huge_factor;
  // By bits: where operands are taken for zero, a subnormal compares equal to zero.
  return {up == one && down == one, detail::float_bits(flushed) != 0, operand != 0.0f};
}

}  // namespace nibble::arch
