// SPDX-License-Identifier: Apache-2.0
// Numbers of different formats have no order.
// expect: (no match for .operator<|invalid operands to binary expression)
#include <nibble/block.hpp>

bool before(nibble::fp8_e4m3 a, nibble::fp8_e4m3 b) { return a < b; }
#ifdef NIBBLE_BREAK
bool mixed(nibble::fp8_e4m3 a, nibble::e8m0 b) { return a < b; }
#endif
