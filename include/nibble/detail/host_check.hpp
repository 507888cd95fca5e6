// SPDX-License-Identifier: Apache-2.0
// What every whole-matrix function of the host checks on entry.
#pragma once

#include <stdexcept>
#include <string>

#include "nibble/arch/environment.hpp"

namespace nibble::detail {

/// "3 x 4", for messages.
[[nodiscard]] inline std::string shape_text(std::int64_t rows, std::int64_t columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

/// Throws std::invalid_argument with this message unless the condition holds.
inline void require(bool condition, std::string const& message) {
  if (!condition) throw std::invalid_argument(message);
}

/// Throws std::runtime_error where this thread's floating-point state would change bits.
inline void require_ieee(char const* function) {
  auto const environment = arch::current_environment();
  if (environment.is_ieee()) return;
  std::string got = environment.rounds_to_nearest ? "" : "a rounding mode other than nearest; ";
  if (!environment.keeps_subnormal_results || !environment.keeps_subnormal_operands) {
    got += "subnormals flushed to zero (a library linked with -ffast-math does that); ";
  }
  throw std::runtime_error(std::string(function) + ": got " + got +
                           "need the default floating-point environment; restore it with "
                           "std::fesetenv(FE_DFL_ENV) before the call");
}

}  // namespace nibble::detail
