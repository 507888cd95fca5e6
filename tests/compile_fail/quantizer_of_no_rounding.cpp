// SPDX-License-Identifier: Apache-2.0
// A quantizer names what its parts lack.
// expect: got a Rounding that is no rounding::policy
#include <nibble/nibble.hpp>

nibble::quantizer<> q;
#ifdef NIBBLE_BREAK
nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, int> broken;
#endif
