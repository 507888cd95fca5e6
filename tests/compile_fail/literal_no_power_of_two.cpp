// SPDX-License-Identifier: Apache-2.0
// A power-of-two scale takes powers of two.
// expect: this_literal_is_not_exactly_representable|operator""_[a-z0-9]+' is not a constant expression
// expect also: this_literal_is_not_exactly_representable
#include <nibble/literals.hpp>

using namespace nibble::literals;
inline constexpr auto half = 0.5_e8m0;
#ifdef NIBBLE_BREAK
inline constexpr auto third = 0.3_e8m0;
#endif
