// SPDX-License-Identifier: Apache-2.0
// Sixteen floats to NVFP4 and back: the first thing to try. Build: g++ -std=c++20 -I include
// [readme]
#include <nibble/nibble.hpp>

#include <cstdio>

int main() {
  constexpr float x[16] = {0, .1f, -.2f, .3f, .5f, -.75f, 1, -1.25f, 1.5f, -2, 2.5f, -3, .6f, 3.2f, 0, .35f};
  constexpr nibble::quantizer<> q;             // NVFP4, as TransformerEngine computes it
  constexpr nibble::tensor_amax amax{7.5f};    // of the whole tensor

  constexpr nibble::nvfp4_block block = q(x, amax);  // 9 bytes, made by the compiler
  static_assert(block.scale.bits() == 0x74 && block.codes[3] == nibble::fp4_e2m1(0.5f));

  for (float const value : q.dequantize(block, amax)) std::printf("%g ", static_cast<double>(value));
}
// 0 0 -0.267857 0.267857 0.535714 -0.803571 1.07143 -1.07143 1.60714 -2.14286 2.14286 -3.21429 0.535714 3.21429 0 0.267857
// [/readme]
