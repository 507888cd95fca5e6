// SPDX-License-Identifier: Apache-2.0
// The smallest program that shows the headers are found; with CCCL, a matrix too.
#include <nibble/fp4_e2m1.hpp>
#if defined(WITH_MATRIX)
#include <nibble/quantized_matrix.hpp>
#endif

int main() {
#if defined(WITH_MATRIX)
  nibble::quantized_matrix<nibble::nvfp4_block> const matrix({2, 32, 2, 1, 1});
  if (matrix.code_bytes().size() != 32) return 1;
#endif
  return nibble::fp4_e2m1(6.0F).bits() == 0x7 ? 0 : 1;
}
