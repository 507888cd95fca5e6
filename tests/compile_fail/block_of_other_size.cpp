// SPDX-License-Identifier: Apache-2.0
// A row of 32 values is no block of 16.
// expect: got an array of another size than this quantizer's group
#include <nibble/nibble.hpp>

template <int N>
auto quantize_zeros() {
  float values[N]{};
  return nibble::quantizer<>{}(values, nibble::tensor_amax{1.0f});
}

auto of_16 = quantize_zeros<16>();
#ifdef NIBBLE_BREAK
auto of_32 = quantize_zeros<32>();
#endif
