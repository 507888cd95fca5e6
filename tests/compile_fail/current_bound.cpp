// SPDX-License-Identifier: Apache-2.0
// expect: got a bound of 0 or less; need the scale of the largest block, or use none
#include <nibble/nibble.hpp>

nibble::tensor_scale::current<256> q;
#ifdef NIBBLE_BREAK
nibble::tensor_scale::current<0> broken;
#endif
