// SPDX-License-Identifier: Apache-2.0
// An integer could mean a value or a code: say float(x) or from_bits(x).
// bugs: B24
// expect: (deleted function|deleted constructor)
#include <nibble/fp4_e2m1.hpp>

inline auto const by_value = nibble::fp4_e2m1(static_cast<float>(3));
#ifdef NIBBLE_BREAK
inline auto const by_guess = nibble::fp4_e2m1(3);
#endif
