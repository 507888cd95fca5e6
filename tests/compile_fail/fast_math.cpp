// SPDX-License-Identifier: Apache-2.0
// A file compiled with -ffast-math is told so. The macro stands for the flag, which defines it.
// expect: nibble keeps bits: got -ffast-math
#ifdef NIBBLE_BREAK
#define __FAST_MATH__ 1
#endif
#include <nibble/detail/config.hpp>
