// SPDX-License-Identifier: Apache-2.0
// Quantized matrices on the device for tests: copies of host ones, poisoned before use.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include <nibble/quantized_matrix.hpp>

#include "support/device_vector.cuh"
#include "support/has_device.cuh"

namespace fixture {

/// How many bytes of two vectors differ, which must have as many.
template <class T, class U>
int bytes_unlike(std::vector<T> const& got, std::vector<U> const& expected) {
  std::size_t const size = got.size() * sizeof(T);
  REQUIRE(size == expected.size() * sizeof(U));
  auto const* const a = reinterpret_cast<std::uint8_t const*>(got.data());
  auto const* const b = reinterpret_cast<std::uint8_t const*>(expected.data());
  int differences = 0;
  for (std::size_t i = 0; i != size; ++i) differences += a[i] != b[i];
  return differences;
}

/// A quantized matrix in device memory, filled with poison.
template <class Quantizer, class ScaleLayout>
struct device_matrix {
  using block = typename Quantizer::block_type;
  using scale = typename block::scale_type;

  nibble::quantized_shape<block, ScaleLayout> shape;
  device_vector<std::uint8_t> codes, scale_bytes;
  device_vector<float> amax;

  explicit device_matrix(nibble::quantized_shape<block, ScaleLayout> const& s)
      : shape(s), codes(static_cast<std::size_t>(s.code_bytes()), std::uint8_t{0xAA}),
        scale_bytes(static_cast<std::size_t>(s.scale_count()) * sizeof(scale), std::uint8_t{0x7F}),
        amax(static_cast<std::size_t>(s.amax_count()), -1.0f) {}

  nibble::quantized_view<block, ScaleLayout> view() {
    auto const made = nibble::make_quantized_view<block, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
        cuda::std::span<scale>(reinterpret_cast<scale*>(scale_bytes.data()),
                               static_cast<std::size_t>(shape.scale_count())),
        cuda::std::span<float>(amax.data(), amax.size()), shape);
    REQUIRE(made.has_value());
    return *made;
  }

  /// How many bytes are not the host's: codes, scales with their padding, amaxes.
  int different_bytes(nibble::quantized_matrix<block, ScaleLayout> const& host) const {
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    return bytes_unlike(copied(codes), host.code_bytes()) +
           bytes_unlike(copied(scale_bytes), host.scales()) +
           bytes_unlike(copied(amax), host.amax());
  }
};

}  // namespace fixture
