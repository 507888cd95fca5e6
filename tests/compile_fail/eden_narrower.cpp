// SPDX-License-Identifier: Apache-2.0
// expect: got an eden narrower than a block; need whole blocks
#include <nibble/nibble.hpp>

template <int Columns>
auto quantize_zeros() {
  using q = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                              nibble::transform::hadamard<16>, nibble::correction::eden<Columns>>;
  float in[1][q::group.columns]{};
  return q{}(in, nibble::tensor_amax{1.0f}, 0);
}
auto right = quantize_zeros<128>();
#ifdef NIBBLE_BREAK
auto wrong = quantize_zeros<8>();
#endif
