// SPDX-License-Identifier: Apache-2.0
// A packed row has elements.
// expect: got no elements
#include <nibble/block.hpp>

nibble::packed<nibble::fp4_e2m1, 1> one{};
#ifdef NIBBLE_BREAK
nibble::packed<nibble::fp4_e2m1, 0> none{};
#endif
