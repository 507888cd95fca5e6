// SPDX-License-Identifier: Apache-2.0
// One block cannot undo a transform that mixed several.
// expect: got a transform wider than a block
#include <nibble/nibble.hpp>

template <int N>
auto dequantize_zeros() {
  using q = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>,
                              nibble::rounding::nearest_even, nibble::transform::hadamard<N>>;
  return q{}.dequantize(nibble::nvfp4_block{}, {1.0f});
}

auto zeros = dequantize_zeros<16>();
#ifdef NIBBLE_BREAK
auto broken = dequantize_zeros<32>();
#endif
