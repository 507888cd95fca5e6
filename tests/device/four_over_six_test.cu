// SPDX-License-Identifier: Apache-2.0
// Four Over Six in one thread equals the policy, and its table equals the policy's arithmetic.
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

__global__ void decode(float* out) {
  __shared__ float table[128][8];
  detail::fill_decoded<policy::outer>(table, amax);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 1024; i += blockDim.x) out[i] = table[i / 8][i % 8];
}

__global__ void choose(float const* values, std::uint8_t* scales, std::uint32_t* codes,
                       bool* is_chosen) {
  __shared__ float table[128][8], encode[128];
  detail::fill_decoded<policy::outer>(table, amax);
  auto const f = quantizer::prepare({amax});
  for (unsigned i = threadIdx.x; i < 128; i += blockDim.x) {
    encode[i] = nibble::scaling::encode_multiplier(
        static_cast<float>(nibble::fp8_e4m3::from_bits(static_cast<std::uint8_t>(i))), f);
  }
  __syncthreads();
  auto const block = blockIdx.x * blockDim.x + threadIdx.x;
  float sixteen[16], largest = 0;
  for (int i = 0; i < 16; ++i) {
    sixteen[i] = values[16 * block + static_cast<unsigned>(i)];
    largest = nibble::arch::ptx::max_nan_abs_f32(largest, sixteen[i]);
  }
  detail::candidate best{};
  is_chosen[block] = detail::choose_four_or_six<policy>(sixteen, largest, f, encode, table, best);
  scales[block] = static_cast<std::uint8_t>(best.scale.bits());
  codes[2 * block] = best.codes[0];
  codes[2 * block + 1] = best.codes[1];
}

}  // namespace

TEST_CASE("decoded values are code times scale times amax over range, in that order") {
  if (!fixture::has_device()) return;
  fixture::device_vector<float> out(1024);
  decode<<<1, 256>>>(out.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(out);
  int differences = 0;
  for (std::uint32_t i = 0; i < 127 * 8; ++i) {
    auto const scale =
        static_cast<float>(nibble::fp8_e4m3::from_bits(static_cast<std::uint8_t>(i / 8)));
    auto const code =
        static_cast<float>(nibble::fp4_e2m1::from_bits(static_cast<std::uint8_t>(i % 8)));
    float volatile const product = code * scale * amax;
    differences += got[i] != product / 1536.0f;
  }
  CHECK(differences == 0);
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
  for (std::size_t b = 0; b < blocks; ++b) {
    if (b == 5 || b == 9) {
      CHECK(!chosen[b]);
      continue;
    }
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
