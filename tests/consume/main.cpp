// SPDX-License-Identifier: Apache-2.0
// The smallest program of a user; with CCCL also what only that brings.
#include <nibble/fp4_e2m1.hpp>
#if defined(WITH_CCCL)
#include <cuda/std/mdspan>
#endif

int main() { return nibble::fp4_e2m1(6.0F).bits() == 0x7 ? 0 : 1; }
