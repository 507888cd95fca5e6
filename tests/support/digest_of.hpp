// SPDX-License-Identifier: Apache-2.0
// One number for a quantized matrix, wherever it lies: codes, scales with their padding, amaxes.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <nibble/quantized_matrix.hpp>

#include "digest/corpus.hpp"

namespace fixture {

/// Of a matrix in guarded device memory.
template <class Guarded>
std::uint64_t digest_of(Guarded const& matrix) {
  corpus::digest digest;
  for (std::vector<std::uint8_t> const& bytes :
       {matrix.codes.inside(), matrix.scales.inside(), matrix.amax.inside()}) {
    digest.take(std::uint64_t{bytes.size()});
    for (std::uint8_t const byte : bytes) digest.take(std::uint64_t{byte});
  }
  return digest.state;
}

/// The same of a host's matrix.
template <class Block, class ScaleLayout>
std::uint64_t digest_of(nibble::quantized_matrix<Block, ScaleLayout> const& matrix) {
  struct bytes {
    std::vector<std::uint8_t> held;
    std::vector<std::uint8_t> const& inside() const { return held; }
  };
  auto const of = [](auto const& values) {
    bytes result{std::vector<std::uint8_t>(values.size() * sizeof(values[0]))};
    if (!values.empty()) std::memcpy(result.held.data(), values.data(), result.held.size());
    return result;
  };
  struct {
    bytes codes, scales, amax;
  } const same{of(matrix.code_bytes()), of(matrix.scales()), of(matrix.amax())};
  return digest_of(same);
}

}  // namespace fixture
