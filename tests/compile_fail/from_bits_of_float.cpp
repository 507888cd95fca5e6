// SPDX-License-Identifier: Apache-2.0
// A code is an integer; a float given to from_bits is a value.
// expect: (deleted function|deleted)
#include <nibble/fp4_e2m1.hpp>

inline auto const code = nibble::fp4_e2m1::from_bits(3);
#ifdef NIBBLE_BREAK
inline auto const value = nibble::fp4_e2m1::from_bits(1.5f);
#endif
