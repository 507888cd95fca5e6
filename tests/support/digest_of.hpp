// SPDX-License-Identifier: Apache-2.0
// One number for a quantized matrix, wherever it lies: codes, scales with their padding, amaxes.
#pragma once

#include <cstdint>

#include <nibble/quantized_matrix.hpp>

#include "digest/corpus.hpp"

namespace fixture {

template <class Codes, class Scales, class Amax>
std::uint64_t digest_of_bytes(Codes const& codes, Scales const& scales, Amax const& amax) {
  corpus::digest digest;
  auto const take = [&](auto const& values) {
    std::size_t const size = values.size() * sizeof(values[0]);
    digest.take(std::uint64_t{size});
    auto const* const bytes = reinterpret_cast<std::uint8_t const*>(values.data());
    for (std::size_t i = 0; i != size; ++i) digest.take(std::uint64_t{bytes[i]});
  };
  take(codes);
  take(scales);
  take(amax);
  return digest.state;
}

/// Of a matrix in guarded device memory.
template <class Guarded>
std::uint64_t digest_of(Guarded const& matrix) {
  return digest_of_bytes(matrix.codes.inside(), matrix.scales.inside(), matrix.amax.inside());
}

/// The same of a host's matrix.
template <class Block, class ScaleLayout>
std::uint64_t digest_of(nibble::quantized_matrix<Block, ScaleLayout> const& matrix) {
  return digest_of_bytes(matrix.code_bytes(), matrix.scales(), matrix.amax());
}

}  // namespace fixture
