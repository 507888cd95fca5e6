// SPDX-License-Identifier: Apache-2.0
// Powers of two are kept in e8m0 scales.
// expect: got a block whose scale is not e8m0
#include <nibble/nibble.hpp>

template <class Block>
auto quantize_zeros() {
  float values[Block::size]{};
  return nibble::quantizer<Block, nibble::scaling::power_of_two<>>{}(values, nibble::tensor_amax{0});
}

auto q = quantize_zeros<nibble::mxfp4_block>();
#ifdef NIBBLE_BREAK
auto broken = quantize_zeros<nibble::nvfp4_block>();
#endif
