// SPDX-License-Identifier: Apache-2.0
// The formula of an NVFP4 block on the device in integers: the arithmetic of tests/oracle, and codes found
// by counting the tabulated ends of intervals. Needs nvcc's --expt-relaxed-constexpr.
#pragma once

#include "oracle/nvfp4.hpp"

namespace fixture {

struct formula {
  std::uint32_t e2m1_first[7] = {}, e4m3_first[126] = {}, e4m3_value[127] = {};

  /// The tables, by the oracle.
  static formula tabulated() {
    formula made;
    fill(oracle::e2m1, made.e2m1_first);
    fill(oracle::e4m3, made.e4m3_first);
    for (std::size_t code = 0; code != 127; ++code) {
      made.e4m3_value[code] = oracle::round_to_binary32(oracle::table_of(oracle::e4m3).magnitude(code));
    }
    return made;
  }

  struct block_scale {
    std::uint32_t code, encode;
  };

  /// The scale of a block of this largest magnitude, and what its values are multiplied by.
  __host__ __device__ block_scale scale(std::uint32_t block_amax, oracle::tensor_scales const& tensor) const {
    using oracle::ieee;
    std::uint32_t const wanted =
        oracle::minimum(ieee::multiply(block_amax, tensor.multiplier), oracle::largest_bits);
    std::uint32_t low = 0, high = 126;  // so many ends lie at or below what is wanted: low to high
    while (low < high) {
      std::uint32_t const middle = (low + high) / 2;
      e4m3_first[middle] <= wanted ? low = middle + 1 : high = middle;
    }
    std::uint32_t const product = ieee::multiply(e4m3_value[low], tensor.decode);
    return {low, oracle::minimum(ieee::divide(oracle::one_bits, product), oracle::largest_bits)};
  }

  /// The code of a scaled value, to nearest even.
  __host__ __device__ std::uint32_t nearest(std::uint32_t scaled) const {
    if (oracle::is_nan(scaled)) return 7;
    std::uint32_t code = 0;
    for (std::uint32_t const first : e2m1_first) code += (scaled & oracle::magnitude_mask) >= first;
    return code | (oracle::is_negative(scaled) ? 8u : 0u);
  }

  /// The code of a scaled value under a random byte: floor(256 f) of 256 bytes go up.
  __host__ __device__ std::uint32_t stochastic(std::uint32_t scaled, std::uint32_t byte) const {
    if (oracle::is_nan(scaled)) return 7;
    std::uint32_t const sign = oracle::is_negative(scaled) ? 8u : 0u;
    if ((scaled & oracle::magnitude_mask) >= 0x40C0'0000u) return sign | 7;  // from 6 on
    auto const [significand, exponent] = oracle::magnitude_of(scaled);
    int const right = -(exponent + 9);
    auto const units = static_cast<std::uint32_t>(right < 64 ? significand >> right : 0);  // of 2^-9
    if (units < 1024) return sign | (units % 256 + byte < 256 ? units / 256 : units / 256 + 1);
    if (units < 2048) {
      std::uint32_t const steps = (units - 1024) / 2;
      return sign | (4 + (steps % 256 + byte < 256 ? steps / 256 : steps / 256 + 1));
    }
    return sign | (6 + ((units - 2048) / 4 + byte < 256 ? 0u : 1u));
  }

 private:
  template <std::size_t Count>
  static void fill(oracle::format const& target, std::uint32_t (&first)[Count]) {
    std::size_t found = 0;
    oracle::interval_table const table(target);
    for (auto const& row : table.rows()) {
      if (row.first == 0) continue;
      if (row.first > oracle::infinity_bits) break;
      if (found == Count || row.code != found + 1) std::abort();
      first[found++] = row.first;
    }
    if (found != Count) std::abort();
  }
};

}  // namespace fixture
