// SPDX-License-Identifier: Apache-2.0
// The short encoders agree with the number format's own, next to every tie and for every random byte.
#include <doctest/doctest.h>

#include <nibble/device/nearest.cuh>
#include <nibble/fp4_e2m1.hpp>

#include "support/device_memory.cuh"

namespace {

namespace detail = nibble::device::detail;
using nibble::format::e2m1;

/// Values whose products with 1 lie on, just below and just above every tie and code of e2m1, signs
/// alternating, and some in between.
std::vector<float> directed() {
  std::vector<float> values;
  for (int quarter = 0; quarter < 28; ++quarter) {
    for (int step = -3; step <= 3; ++step) {
      std::uint32_t const bits = nibble::detail::float_bits(static_cast<float>(quarter) * 0.25f);
      float const value = nibble::detail::float_from_bits(
          bits == 0 && step < 0 ? 0u : bits + static_cast<std::uint32_t>(step));
      values.push_back(values.size() % 2 == 0 ? value : -value);
    }
    for (int part = 1; part < 13; ++part) {
      values.push_back(static_cast<float>(quarter) * 0.25f + static_cast<float>(part) / 53.0f);
    }
  }
  while (values.size() % 8 != 0) values.push_back(6.9999995f);
  return values;
}

__global__ void multiply(float const* values, float factor, float* products) {
  float sixteen[16], found[2][8];
  for (int i = 0; i < 16; ++i) sixteen[i] = values[i];
  detail::multiply_sixteen(sixteen, factor, found);
  for (int i = 0; i < 16; ++i) products[i] = found[i / 8][i % 8];
}

__global__ void encode(float const* values, std::uint32_t* nearest, std::uint32_t* signs,
                       int words) {
  int const i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= words) return;
  float eight[8];
  for (int k = 0; k < 8; ++k) eight[k] = values[8 * i + k];
  nearest[i] = detail::nearest_magnitudes(eight, 1.0f);
  signs[i] = detail::signs_of(eight);
}

__global__ void encode_stochastic(float const* values, float factor, std::uint32_t random,
                                  std::uint32_t* codes, int words) {
  int const i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= words) return;
  float eight[8];
  for (int k = 0; k < 8; ++k) eight[k] = values[8 * i + k] / factor;  // a power of two
  codes[i] = detail::stochastic_magnitudes(eight, factor, random, ~random);
}

__global__ void compare(float const* values, bool* below, int count) {
  for (int i = 0; i < count; ++i) below[i] = detail::is_below_7(values[i]);
}

std::uint32_t nibble_of(std::uint32_t word, std::size_t i) { return word >> (4 * i) & 15; }

}  // namespace

TEST_CASE("nearest codes and signs equal the format's, around every tie") {
  if (!fixture::has_device()) return;
  auto const values = directed();
  auto const words = static_cast<int>(values.size() / 8);
  fixture::device_vector<float> const in(values.begin(), values.end());
  fixture::device_vector<std::uint32_t> nearest(values.size() / 8), signs(values.size() / 8);
  encode<<<1, 256>>>(in.data(), nearest.data(), signs.data(), words);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  REQUIRE(words <= 256);
  auto const codes = fixture::copied(nearest), sign_bits = fixture::copied(signs);
  int differences = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t const expected = nibble::fp4_e2m1(values[i]).bits();
    differences +=
        (nibble_of(codes[i / 8], i % 8) | nibble_of(sign_bits[i / 8], i % 8)) != expected;
  }
  CHECK(differences == 0);
}

TEST_CASE("stochastic codes equal the format's, around every tie, for every random byte") {
  if (!fixture::has_device()) return;
  auto const values = directed();
  auto const words = static_cast<int>(values.size() / 8);
  fixture::device_vector<float> const in(values.begin(), values.end());
  fixture::device_vector<std::uint32_t> out(values.size() / 8);
  int differences = 0;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t const random =
        byte | (byte ^ 0x55u) << 8 | (255u - byte) << 16 | (byte * 7 & 255u) << 24;
    encode_stochastic<<<1, 256>>>(in.data(), byte % 2 == 0 ? 1.0f : 0x1p-112f, random, out.data(),
                                  words);
    auto const codes = fixture::copied(out);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint32_t const word = i % 8 < 4 ? random : ~random;
      auto const expected = nibble::format::encode<e2m1, nibble::format::stochastic<8>>(
          nibble::detail::magnitude(values[i]), word >> (8 * (i % 4)) & 255u);
      differences += nibble_of(codes[i / 8], i % 8) != expected;
    }
  }
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(differences == 0);
}

TEST_CASE("below 7 are the numbers from 0 on, and neither NaN nor a negative one") {
  if (!fixture::has_device()) return;
  std::vector<float> const values{0.0f,
                                  -0.0f,
                                  6.9999995f,
                                  7.0f,
                                  -1.0f,
                                  1e38f,
                                  nibble::detail::float_from_bits(0x7F800000u),
                                  nibble::detail::float_from_bits(0x7FC00000u),
                                  nibble::detail::float_from_bits(0xFFC00000u),
                                  1e-40f};
  std::vector<bool> const expected{true,  false, true,  false, false,
                                   false, false, false, false, true};
  fixture::device_vector<float> const in(values.begin(), values.end());
  fixture::device_vector<bool> out(values.size());
  compare<<<1, 1>>>(in.data(), out.data(), static_cast<int>(values.size()));
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(out[i] == expected[i]);
}

TEST_CASE("sixteen products are each rounded once, subnormal ones too") {
  if (!fixture::has_device()) return;
  std::vector<float> const values{1.1f,      -2.3f,     0.0f,      -0.0f,   0x1p-126f, 0x1.8p-149f,
                                  3.4e38f,   -1e-30f,   1e30f,     0.1f,    0.2f,      -0.3f,
                                  0x1p-140f, 5.999999f, 0x1.8p-1f, 1234.5f};
  fixture::device_vector<float> const in(values.begin(), values.end());
  for (float const factor : {0.7f, 1e-9f, 0x1p-10f}) {
    fixture::device_vector<float> out(16);
    multiply<<<1, 1>>>(in.data(), factor, out.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto const found = fixture::copied(out);
    for (std::size_t i = 0; i < 16; ++i) {
      CHECK(nibble::detail::float_bits(found[i]) ==
            nibble::detail::float_bits(nibble::arch::multiply(values[i], factor)));
    }
  }
}
