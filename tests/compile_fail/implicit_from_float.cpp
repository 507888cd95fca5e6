// SPDX-License-Identifier: Apache-2.0
// A float does not become a number in silence: the rounding must be asked for.
// expect: (no viable conversion|conversion from .float. to non-scalar type)
#include <nibble/fp4_e2m1.hpp>

inline nibble::fp4_e2m1 const asked = nibble::fp4_e2m1(1.3f);
#ifdef NIBBLE_BREAK
inline nibble::fp4_e2m1 const silent = 1.3f;
#endif
