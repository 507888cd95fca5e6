// SPDX-License-Identifier: Apache-2.0
// Truncation.
#pragma once

#include "nibble/rounding/by_rule.hpp"

namespace nibble::rounding {

/// Rounds to the code nearer to zero.
///
/// errors  as the number type's own conversion: infinity saturates too.
/// bits    identical everywhere.
struct toward_zero : by_rule<format::toward_zero> {};

}  // namespace nibble::rounding
