// SPDX-License-Identifier: Apache-2.0
// Numbers of different formats compare as floats or not at all.
// expect: (no match for .operator==|invalid operands to binary expression)
#include <nibble/block.hpp>

bool same(nibble::fp4_e2m1 a, nibble::fp4_e2m1 b) { return a == b; }
#ifdef NIBBLE_BREAK
bool mixed(nibble::fp4_e2m1 a, nibble::fp8_e4m3 b) { return a == b; }
#endif
