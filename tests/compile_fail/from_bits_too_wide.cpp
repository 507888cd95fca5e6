// SPDX-License-Identifier: Apache-2.0
// In a constant expression a code with more bits than its format is an error that says so.
// expect: code_has_more_bits_than_format|'five_bits' must be initialized by a constant expression
// expect also: code_has_more_bits_than_format
#include <nibble/fp4_e2m1.hpp>

inline constexpr auto four_bits = nibble::fp4_e2m1::from_bits(0x3);
#ifdef NIBBLE_BREAK
inline constexpr auto five_bits = nibble::fp4_e2m1::from_bits(0x13);
#endif
