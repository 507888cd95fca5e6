// SPDX-License-Identifier: Apache-2.0
// -ffinite-math-only lets a compiler forget NaN and infinity, which scales rely on.
// expect: nibble keeps bits: got -ffast-math
#ifdef NIBBLE_BREAK
#undef __FINITE_MATH_ONLY__
#define __FINITE_MATH_ONLY__ 1
#endif
#include <nibble/detail/config.hpp>
