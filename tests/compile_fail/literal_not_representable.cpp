// SPDX-License-Identifier: Apache-2.0
// A literal that the format cannot hold exactly is an error, and the compiler's message says so.
// expect: this_literal_is_not_exactly_representable|operator""_[a-z0-9]+' is not a constant expression
// expect also: this_literal_is_not_exactly_representable
#include <nibble/literals.hpp>

using namespace nibble::literals;

static_assert(1.5_e2m1 == nibble::fp4_e2m1(1.5F));
#ifdef NIBBLE_BREAK
constexpr auto between_two_codes = 1.25_e2m1;
#endif
