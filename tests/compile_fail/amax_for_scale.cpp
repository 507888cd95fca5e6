// SPDX-License-Identifier: Apache-2.0
// A block's scale is a number of eight bits; the tensor's amax belongs to another level.
// expect: cannot convert|could not convert|no viable conversion|cannot initialize
#include <nibble/nibble.hpp>

nibble::nvfp4_block right{{}, nibble::fp8_e4m3(448.0f)};
#ifdef NIBBLE_BREAK
nibble::nvfp4_block wrong{{}, nibble::tensor_amax{448.0f}};
#endif
