// SPDX-License-Identifier: Apache-2.0
// To nearest, ties away from zero.
#pragma once

#include "nibble/rounding/by_rule.hpp"

namespace nibble::rounding {

/// Rounds to the nearer code; a tie goes to the larger magnitude.
///
/// errors  as the number type's own conversion.
/// bits    identical everywhere.
struct nearest_away : by_rule<format::nearest_away> {};

}  // namespace nibble::rounding
