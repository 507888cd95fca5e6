// SPDX-License-Identifier: Apache-2.0
// Four Over Six in one thread equals the policy, or says that it cannot tell.
#include <doctest/doctest.h>

#include <nibble/device/four_over_six.cuh>
#include <nibble/nibble.hpp>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace {

namespace detail = nibble::device::detail;
using policy = nibble::scaling::four_over_six<>;
using quantizer = nibble::quantizer<nibble::nvfp4_block, policy>;
constexpr float amax = 14.5f;
constexpr int blocks = 4096;

__global__ void find_sixths(float first, unsigned long long* differences) {
  std::uint32_t const mantissa = blockIdx.x * blockDim.x + threadIdx.x;
  float const x = nibble::detail::float_from_bits(nibble::detail::float_bits(first) + mantissa);
  if (detail::sixth_of(x) != nibble::arch::divide(x, 6.0f)) atomicAdd(differences, 1ull);
}

__global__ void fill(float with_amax, float* out) {
  __shared__ float table[128];
  detail::fill_small_factors(table, quantizer::prepare({with_amax}), threadIdx.x);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 128; i += blockDim.x) out[i] = table[i];
}

__global__ void choose(float const* values, std::uint8_t* scales, std::uint32_t* codes,
                       bool* is_chosen) {
  __shared__ float table[128];
  auto const f = quantizer::prepare({amax});
  detail::fill_small_factors(table, f, threadIdx.x);
  __syncthreads();
  auto const block = blockIdx.x * blockDim.x + threadIdx.x;
  float sixteen[16], largest = 0;
  for (int i = 0; i < 16; ++i) {
    sixteen[i] = values[16 * block + static_cast<unsigned>(i)];
    largest = nibble::arch::ptx::max_nan_abs_f32(largest, sixteen[i]);
  }
  nibble::fp8_e4m3 scale;
  std::uint32_t made[2]{};
  is_chosen[block] = detail::choose_four_or_six<policy>(sixteen, largest, f, table, scale, made);
  scales[block] = static_cast<std::uint8_t>(scale.bits());
  codes[2 * block] = made[0];
  codes[2 * block + 1] = made[1];
}

}  // namespace

TEST_CASE("a sixth is the division's, for every mantissa") {
  if (!fixture::has_device()) return;
  fixture::device_vector<unsigned long long> differences(1);
  for (float const first : {0x1p-100f, 1.0f, 0x1p60f, 0x1p127f}) {
    find_sixths<<<1 << 15, 256>>>(first, differences.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  }
  CHECK(differences[0] == 0);
}

TEST_CASE("factors are the policy's times a power of two, and NaN near the ends of the range") {
  if (!fixture::has_device()) return;
  fixture::device_vector<float> out(128);
  for (float const with : {14.5f, 0x1p-70f, 0x1p90f, 0x1p-81f, 0x1p101f, 0.0f}) {
    CAPTURE(with);
    fill<<<1, 64>>>(with, out.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto const got = fixture::copied(out);
    auto const f = quantizer::prepare({with});
    bool const is_inside = with >= 0x1p-80f && with <= 0x1p100f;
    int differences = 0;
    for (std::uint32_t i = 0; i < 128; ++i) {
      auto const scale =
          static_cast<float>(nibble::fp8_e4m3::from_bits(static_cast<std::uint8_t>(i)));
      float const expected = nibble::scaling::encode_multiplier(scale, f) * 0x1p-14f;
      bool const is_usable = is_inside && i > 0 && i < 127;
      differences += is_usable ? got[i] != expected : got[i] == got[i];
    }
    CHECK(differences == 0);
  }
}

TEST_CASE("scales and codes equal the policy's, and NaN and what saturates are left to it") {
  if (!fixture::has_device()) return;
  oracle::bit_source random(17);
  std::vector<float> values(16 * blocks);
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const integer = static_cast<float>(static_cast<int>(random.below(59)) - 29);
    values[i] =
        integer * (i / 16 % 3 == 0 ? 0.5f : 1.0f / static_cast<float>(1 + random.below(64)));
  }
  values[16 * 5 + 3] = nibble::detail::float_from_bits(0x7FC00000u);
  values[16 * 9 + 1] = 1e20f;
  for (std::size_t i = 0; i < 16; ++i) {
    values[16 * 12 + i] = i == 3 ? -amax : 0.0f;  // 4 and 6 are as good
    values[16 * 15 + i] = i % 2 == 0 ? 0.0f : -0.0f;
  }
  fixture::device_vector<float> const in(values.begin(), values.end());
  fixture::device_vector<std::uint8_t> scales(blocks);
  fixture::device_vector<std::uint32_t> codes(2 * blocks);
  fixture::device_vector<bool> is_chosen(blocks);
  choose<<<blocks / 128, 128>>>(in.data(), scales.data(), codes.data(), is_chosen.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got_scales = fixture::copied(scales);
  auto const got_codes = fixture::copied(codes);
  auto const chosen = fixture::copied(is_chosen);
  int differences = 0, fours = 0;
  CHECK(!chosen[5]);
  CHECK(!chosen[9]);
  for (std::size_t b = 0; b < blocks; ++b) {
    if (b == 5 || b == 9) continue;
    float row[16];
    for (std::size_t i = 0; i < 16; ++i) row[i] = values[16 * b + i];
    auto const expected = quantizer{}(row, nibble::tensor_amax{amax});
    differences += !chosen[b] || expected.scale.bits() != got_scales[b];
    float largest = 0;
    int top = 0;
    for (int i = 0; i < 16; ++i) {
      auto const magnitude = static_cast<std::uint32_t>(expected.codes[i].bits() & 7);
      differences +=
          (got_codes[2 * b + static_cast<std::size_t>(i) / 8] >> (4 * (i % 8)) & 15) != magnitude;
      if (nibble::detail::magnitude(row[i]) > largest) {
        largest = nibble::detail::magnitude(row[i]);
        top = static_cast<int>(magnitude);
      }
    }
    fours += top == 6;  // the code of 4
  }
  CHECK(differences == 0);
  CHECK(fours > 100);  // both candidates win somewhere
  CHECK(fours < blocks - 100);
}
