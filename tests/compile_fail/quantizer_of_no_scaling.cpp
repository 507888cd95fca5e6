// SPDX-License-Identifier: Apache-2.0
// A scaling policy must fit the block: a number type is none.
// expect: got a Scaling that is no scaling::policy for this Block
#include <nibble/nibble.hpp>

nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>> q;
#ifdef NIBBLE_BREAK
nibble::quantizer<nibble::nvfp4_block, nibble::fp8_e4m3> broken;
#endif
