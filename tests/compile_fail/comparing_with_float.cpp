// SPDX-License-Identifier: Apache-2.0
// A number compares with a number, not with a float.
// expect: (no match for .operator==|invalid operands to binary expression)
#include <nibble/fp4_e2m1.hpp>

bool same(nibble::fp4_e2m1 a, float b) { return static_cast<float>(a) == b; }
#ifdef NIBBLE_BREAK
bool mixed(nibble::fp4_e2m1 a, float b) { return a == b; }
#endif
