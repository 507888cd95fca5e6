// SPDX-License-Identifier: Apache-2.0
// A format without a sign has no negative.
// expect: (no match for .operator-|invalid argument type|constraints not satisfied)
#include <nibble/block.hpp>

auto negative(nibble::fp8_e4m3 x) { return -x; }
#ifdef NIBBLE_BREAK
auto impossible(nibble::e8m0 x) { return -x; }
#endif
