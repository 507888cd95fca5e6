// SPDX-License-Identifier: Apache-2.0
// Compiled with contraction allowed, and with FMA where the processor has it: see CMakeLists.txt.
#include "fused.hpp"

#include <nibble/arch/arithmetic.hpp>

void fused::through_arithmetic(float const* a, float const* b, float const* c, float* sums,
                               float* differences, std::size_t count) {
  using namespace nibble::arch;
  for (std::size_t i = 0; i != count; ++i) {
    sums[i] = add(multiply(a[i], b[i]), c[i]);
    differences[i] = subtract(multiply(a[i], b[i]), c[i]);
  }
}

void fused::plainly(float const* a, float const* b, float const* c, float* sums,
                    std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    sums[i] = a[i] * b[i] + c[i];
  }
}
