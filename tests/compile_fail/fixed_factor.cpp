// SPDX-License-Identifier: Apache-2.0
// expect: got a factor of 0 or less; need a fraction
#include <nibble/tensor_scale/fixed.hpp>

nibble::tensor_scale::fixed<1, 448> q;
#ifdef NIBBLE_BREAK
nibble::tensor_scale::fixed<1, 0> broken;
#endif
