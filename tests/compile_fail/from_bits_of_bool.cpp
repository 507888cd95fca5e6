// SPDX-License-Identifier: Apache-2.0
// A bool is no code.
// expect: (deleted function|deleted)
#include <nibble/fp4_e2m1.hpp>

inline auto const code = nibble::fp4_e2m1::from_bits(1);
#ifdef NIBBLE_BREAK
inline auto const flag = nibble::fp4_e2m1::from_bits(true);
#endif
