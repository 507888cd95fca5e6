// SPDX-License-Identifier: Apache-2.0
// Values of a matrix of more than 2^31 elements, made on the device and, where a test wants a few of them, on the host.
#pragma once

#include <nibble/bf16.hpp>
#include <nibble/view.hpp>

namespace fixture {

/// Value i, a multiple of 1/16 of at most 127/16.
NIBBLE_HD inline nibble::bf16 value_at(nibble::matrix_index i) {
  auto const bits =
      static_cast<std::uint32_t>(static_cast<std::uint64_t>(i) * 0x9E37'79B9'7F4A'7C15u >> 40);
  return nibble::bf16(static_cast<float>(static_cast<int>(bits % 255) - 127) / 16);
}

inline __global__ void fill_with_values(nibble::bf16* to, nibble::matrix_index count) {
  auto const step = nibble::matrix_index{gridDim.x} * blockDim.x;
  for (auto i = nibble::matrix_index{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    to[i] = value_at(i);
  }
}

}  // namespace fixture
