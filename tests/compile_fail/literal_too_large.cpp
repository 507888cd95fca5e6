// SPDX-License-Identifier: Apache-2.0
// A literal beyond the largest number does not saturate in silence.
// expect: this_literal_is_not_exactly_representable|operator""_[a-z0-9]+' is not a constant expression
// expect also: this_literal_is_not_exactly_representable
#include <nibble/literals.hpp>

using namespace nibble::literals;
inline constexpr auto largest = 448.0_e4m3;
#ifdef NIBBLE_BREAK
inline constexpr auto beyond = 449.0_e4m3;
#endif
