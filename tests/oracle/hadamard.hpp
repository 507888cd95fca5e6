// SPDX-License-Identifier: Apache-2.0
// The Hadamard transform in the library's one arithmetic, on the integer binary32 operations.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exact.hpp"
#include "formats.hpp"

namespace oracle {

/// The binary32 number nearest to 1 / sqrt(2^log2_size).
constexpr std::uint32_t inverse_root(int log2_size) {
  if (log2_size % 2 == 0)
    return round_to_binary32(false, std::uint64_t{1}, -log2_size / 2);
  // n with n / 2^24 nearest to 1 / sqrt(2): the last n with (2n - 1)^2 * 2 < 2^50.
  std::uint64_t low = std::uint64_t{1} << 23;
  std::uint64_t high = std::uint64_t{1} << 24;
  while (high - low > 1) {
    std::uint64_t const middle = (low + high) / 2;
    std::uint64_t const twice = 2 * middle - 1;
    (2 * twice * twice < (std::uint64_t{1} << 50) ? low : high) = middle;
  }
  return round_to_binary32(false, low, -24 - log2_size / 2);
}

/// The transform of a power of two of values: sign i flipped where flips[i], then butterflies with
/// strides 1, 2, 4, ..., then one multiplication by 1 / sqrt(N); bf16 rounding of it if asked.
inline std::vector<std::uint32_t> hadamard(std::span<std::uint32_t const> input,
                                           std::vector<bool> const& flips, bool to_bf16) {
  std::vector<std::uint32_t> values(input.begin(), input.end());
  for (std::size_t index = 0; index != values.size(); ++index) {
    if (flips[index])
      values[index] ^= sign_mask;
  }
  for (std::size_t stride = 1; stride < values.size(); stride *= 2) {
    for (std::size_t index = 0; index != values.size(); ++index) {
      if ((index & stride) != 0)
        continue;
      std::uint32_t const first = values[index];
      std::uint32_t const second = values[index + stride];
      values[index] = ieee::add(first, second);
      values[index + stride] = ieee::subtract(first, second);
    }
  }
  std::uint32_t const scale = inverse_root(std::countr_zero(values.size()));
  for (std::uint32_t& value : values) {
    value = ieee::multiply(value, scale);
    if (to_bf16)
      value = table_of(bf16).convert(from_binary32(value)) << 16;
  }
  return values;
}

}  // namespace oracle
