// SPDX-License-Identifier: Apache-2.0
// The digits that exact products are made of, and the sums that they are put together to.
#include <doctest/doctest.h>

#include <nibble/device/exact.cuh>
#include <nibble/nibble.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
using q = quantizer<>;
namespace parts = device::detail;

/// Every code under every scale: 16 rows of 256 blocks, row r's blocks all of code r, then K doubled to
/// two chunks.
quantized_by<q> every_product() {
  quantized_by<q> result(shape_for<q>(16, 256 * 16));
  auto const view = result.view();
  for (matrix_index i = 0; i < 16; ++i) {
    for (matrix_index k = 0; k < 256 * 16; ++k) view.codes(i, k) = fp4_e2m1::from_bits(static_cast<int>(i));
    for (matrix_index b = 0; b < 256; ++b) view.scales(i, b) = fp8_e4m3::from_bits(static_cast<int>(b));
  }
  return result;
}

}  // namespace

TEST_CASE("chunks of 2^15 lie one after the other") {
  CHECK(parts::chunk_at(0, 48).first == 0);
  CHECK(parts::chunk_at(0, 48).depth == 48);
  CHECK(parts::chunk_at(0, 65600).depth == 32768);
  CHECK(parts::chunk_at(2, 65600).first == 3 * 65536);
  CHECK(parts::chunk_at(2, 65600).depth == 64);
}

TEST_CASE("three balanced digits make every code times scale, and NaN scales are told") {
  if (!fixture::has_device()) return;
  auto const host = every_product();
  fixture::device_matrix<q, cuda::std::layout_right> on_device(host.shape());
  fixture::transfer(host.code_bytes().begin(), host.code_bytes().end(), on_device.codes.begin());
  std::vector<std::uint8_t> scales;
  for (auto const s : host.scales()) scales.push_back(s.bits());
  fixture::transfer(scales.begin(), scales.end(), on_device.scale_bytes.begin());

  matrix_index const depth = 256 * 16, rows = 32;  // 16 rows of padding
  fixture::device_vector<std::int8_t> digits(static_cast<std::size_t>(rows * depth * 3),
                                             std::int8_t{99});
  fixture::device_vector<std::uint8_t> is_nan(32, std::uint8_t{0});
  for (bool const reversed : {false, true}) {
    auto const launch = [&](auto kernel) {
      kernel<<<40, 256>>>(on_device.view(), digits.data(), is_nan.data(), rows, depth);
    };
    using view = quantized_view<nvfp4_block>;
    if (reversed) {
      launch(parts::split_digits<true, view>);
    } else {
      launch(parts::split_digits<false, view>);
    }
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto const got = fixture::copied(digits);
    int wrong = 0;
    for (matrix_index i = 0; i < rows; ++i) {
      for (matrix_index k = 0; k < depth; ++k) {
        int value = 0;
        for (int d = 2; d >= 0; --d) {
          int const slot = reversed ? 2 - d : d;
          value = value * 256 + got[static_cast<std::size_t>(i * depth * 3 + slot * depth + k)];
        }
        double want = 0;
        if (i < 16) {
          float const scale = static_cast<float>(fp8_e4m3::from_bits(static_cast<int>(k / 16)));
          if (scale == scale) want = static_cast<double>(static_cast<float>(fp4_e2m1::from_bits(static_cast<int>(i)))) * static_cast<double>(scale) * 1024;
        }
        wrong += value != want;
      }
    }
    CHECK(wrong == 0);
    for (std::size_t i = 0; i < 32; ++i) CHECK(is_nan[i] == (i < 16 ? 1 : 0));
  }
}

namespace {

__global__ void put_together(parts::weighted_sums sums, std::int64_t* units, float* rounded) {
  std::int64_t four[4];
  sums.units(0, 0, four);
  float floats[4];
  sums(0, 0, floats);
  for (int i = 0; i < 4; ++i) units[i] = four[i], rounded[i] = floats[i];
}

}  // namespace

TEST_CASE("sums of five weights and of earlier chunks are added in 64 bits and rounded once") {
  if (!fixture::has_device()) return;
  std::vector<std::int32_t> planes;
  std::vector<std::int64_t> carried{0, std::int64_t{1} << 61, -7, (std::int64_t{1} << 24) + 1}, want = carried;
  for (int w = 0; w < 5; ++w) {
    for (int c = 0; c < 4; ++c) {
      std::int32_t const value = c == 3 ? 0 : (w - 2) * (1 << 29) + 12345 * c + w;
      planes.push_back(value);
      want[static_cast<std::size_t>(c)] += static_cast<std::int64_t>(value) * (std::int64_t{1} << (8 * w));
    }
  }
  fixture::device_vector<std::int32_t> p(planes.begin(), planes.end());
  fixture::device_vector<std::int64_t> before(carried.begin(), carried.end()), units(4);
  fixture::device_vector<std::uint8_t> none(4, std::uint8_t{0}), third(4, std::uint8_t{0});
  fixture::device_vector<float> rounded(4);
  third[2] = 1;
  put_together<<<1, 1>>>({p.data(), 4, 4, before.data(), none.data(), third.data()}, units.data(),
                         rounded.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(units[i] == want[i]);
    if (i != 2) CHECK(rounded[i] == static_cast<float>(want[i]) * 0x1p-20f);
  }
  float const nan = rounded[2];
  CHECK(detail::float_bits(nan) == 0x7FC0'0000u);
  CHECK(rounded[3] == 16.0f);  // 2^24 + 1: a tie, to even
}
