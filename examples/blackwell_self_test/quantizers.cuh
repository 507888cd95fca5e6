// SPDX-License-Identifier: Apache-2.0
// Quantizers in a thread of the device beside the host, and the policy that leaves random rounding to
// the instruction.
#pragma once

#include <cmath>
#include <cstring>
#include <vector>

#include "check.cuh"
#include "conversions.cuh"
#include "nibble/nibble.hpp"

namespace self_test {

/// Element i: of few bits over few binades, so that scales and elements meet ties; in every 16th 256
/// any float, NaN, infinity and subnormals included.
NIBBLE_HD inline float value_of(std::uint64_t i) {
  auto const bits = static_cast<std::uint32_t>(mixed(i) >> 32);
  if (i / 256 % 16 == 15) {
    return float_from_bits(bits);
  }
  std::uint32_t const exponent = 127 - (bits >> 8) % 9;
  return nibble::arch::multiply(static_cast<float>(static_cast<int>(bits & 255u) - 127),
                                float_from_bits(exponent << 23));
}

/// Group g to blocks, and these back to numbers.
template <class Quantizer>
NIBBLE_HD void quantize_group(Quantizer const& q, std::uint64_t g,
                              typename Quantizer::result_type& blocks, float* numbers) {
  constexpr int rows = Quantizer::group.rows, columns = Quantizer::group.columns;
  constexpr int size = Quantizer::block_type::size;
  float values[rows][columns];
  std::uint64_t const first = g * (rows * columns);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      values[r][c] = value_of(first + static_cast<std::uint64_t>(r * columns + c));
    }
  }
  // 2688 makes the tensor scale 1, so that values keep their few bits.
  auto const factors = Quantizer::prepare({g % 2 == 0 ? 2688.0f : 301.7f});
  blocks = q(values, factors, nibble::position{first, std::uint64_t{columns}});
  for (int r = 0; r < rows; ++r) {
    for (int b = 0; b < columns / size; ++b) {
      auto const decoded = Quantizer::decode(Quantizer::block_of(blocks, r, b), factors);
      for (int i = 0; i < size; ++i) {
        numbers[r * columns + b * size + i] = nibble::detail::canonical(decoded[i]);
      }
    }
  }
}

template <class Quantizer>
__global__ void quantize_kernel(Quantizer q, std::uint64_t groups,
                                typename Quantizer::result_type* blocks, float* numbers) {
  constexpr std::uint64_t size = Quantizer::group.rows * Quantizer::group.columns;
  std::uint64_t const g = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (g < groups) {
    quantize_group(q, g, blocks[g], numbers + g * size);
  }
}

/// The bytes of the blocks of 2^21 elements, or where each is slow of 2^17, and the numbers that they stand for.
template <class Quantizer>
void compare_quantizer(char const* name, Quantizer const& q) {
  using result = typename Quantizer::result_type;
  constexpr std::size_t size = Quantizer::group.rows * Quantizer::group.columns;
  std::size_t const groups = (std::size_t{1} << (is_brief() ? 17 : 21)) / size;
  device_array<result> const blocks_there(groups);
  device_array<float> const numbers_there(groups * size);
  quantize_kernel<<<static_cast<unsigned>((groups + 127) / 128), 128>>>(
      q, groups, blocks_there.data(), numbers_there.data());
  auto const blocks = blocks_there.copied(name);
  auto const numbers = numbers_there.copied(name);
  outcome all{};
  for (std::size_t g = 0; g < groups; ++g) {
    result expected{};
    float back[size];
    quantize_group(q, g, expected, back);
    std::uint8_t got[sizeof(result)], need[sizeof(result)];
    std::memcpy(got, &blocks[g], sizeof got);
    std::memcpy(need, &expected, sizeof need);
    for (std::size_t i = 0; i < sizeof got; ++i) all.add(got[i], need[i]);
    for (std::size_t i = 0; i < size; ++i) {
      all.add(float_bits(numbers[g * size + i]), float_bits(back[i]));
    }
  }
  print(name, all);
}

inline void compare_quantizers() {
  namespace scaling = nibble::scaling;
  namespace rounding = nibble::rounding;
  using nibble::quantizer;
  print_heading("quantizer in a thread, there and back, and the host", "bytes, values");
  compare_quantizer("NVFP4", quantizer<>{});
  compare_quantizer("NVFP4, 16x16",
                    quantizer<nibble::nvfp4_block, scaling::amax<scaling::tile::square>>{});
  compare_quantizer("NVFP4, stochastic with 8 bits",
                    quantizer{scaling::amax<>{}, rounding::stochastic<8>{{1, 2}}});
  compare_quantizer("NVFP4, stochastic with 24 bits",
                    quantizer{scaling::amax<>{}, rounding::stochastic<24>{{1, 2}}});
  compare_quantizer("NVFP4, random Hadamard 16",
                    quantizer{scaling::amax<>{}, rounding::nearest_even{},
                              nibble::transform::random_hadamard<16, nibble::bf16>{}});
  compare_quantizer("NVFP4, 4/6", quantizer{scaling::four_over_six<>{}});
  compare_quantizer("MXFP4", quantizer<nibble::mxfp4_block, scaling::power_of_two<>>{});
}

// --- The policy that takes the instruction's word: neighbours only, and as often as 8 bits allow

/// Values 1 + k / 512 lie between the codes 2 and 3: k of 256 random numbers make them 3.
NIBBLE_HD constexpr std::uint64_t random_k(std::uint64_t i) { return i * 37 % 256; }

struct rounding_count {
  unsigned long long ups;
  unsigned long long strangers;  // other codes than 2 and 3, or 3 for k = 0
};

static __global__ void round_kernel(std::uint64_t blocks, rounding_count* result) {
  nibble::rounding::hardware_stochastic<> const policy{{11, 12}};
  std::uint64_t const block = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (block >= blocks) {
    return;
  }
  float values[16];
  for (unsigned i = 0; i < 16; ++i) {
    values[i] = 1.0f + static_cast<float>(random_k(16 * block + i)) / 512.0f;
  }
  auto const codes = policy.encode<nibble::fp4_e2m1>(values, 16 * block);
  unsigned long long ups = 0;
  unsigned long long strangers = 0;
  for (int i = 0; i < 16; ++i) {
    unsigned const code = codes[i].bits();
    ups += code == 3 ? 1 : 0;
    strangers += (code != 2 && code != 3) || (code == 3 && values[i] == 1.0f) ? 1 : 0;
  }
  atomicAdd(&result->ups, ups);
  atomicAdd(&result->strangers, strangers);
}

inline void check_hardware_rounding() {
  std::uint64_t const blocks = is_brief() ? 1u << 16 : 1u << 20;
  device_array<rounding_count> const on_device(std::vector<rounding_count>(1));
  round_kernel<<<static_cast<unsigned>(blocks / 256), 256>>>(blocks, on_device.data());
  rounding_count const result = on_device.copied("hardware_stochastic")[0];
  double expected = 0;
  double variance = 0;
  for (std::uint64_t i = 0; i < 16 * blocks; ++i) {
    double const p = static_cast<double>(random_k(i)) / 256;
    expected += p;
    variance += p * (1 - p);
  }
  double const sigmas = (static_cast<double>(result.ups) - expected) / std::sqrt(variance);
  print_heading("rounding::hardware_stochastic", "codes");
  print("codes that are no neighbour", {16 * blocks, result.strangers, 0, result.strangers, 0});
  print("rounded up, unless within 6 sigma",
        {16 * blocks, std::fabs(sigmas) > 6 ? 1ULL : 0ULL, 0, result.ups,
         static_cast<unsigned long long>(expected)});
  std::printf("  %+.1f sigma from the mean\n", sigmas);
}

}  // namespace self_test
