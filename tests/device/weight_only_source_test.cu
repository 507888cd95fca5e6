// SPDX-License-Identifier: Apache-2.0
// A step of weights arrives the same by vectors and by ordinary loads, whole rows or the last one
// repeated, and x in the order in which codes are decoded.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/bf16.hpp>
#include <nibble/device/weight_only_source.cuh>
#include <nibble/quantizer.hpp>
#include <nibble/scaling/power_of_two.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace detail = nibble::device::detail;

/// One warp: both ways to bring the 16 rows from `first_row`, and what the view has there.
template <class View>
__global__ void compare(View w, matrix_index first_row, int step, int* wrong) {
  int const lane = static_cast<int>(threadIdx.x), column = 128 * step + 32 * (lane % 4);
  using block = typename View::block_type;
  detail::few_weights<block> ahead{}, loaded{};
  detail::few_source<block, typename View::scale_layout> source(w, first_row, 0);
  source.advance(step - step % 2);
  source.fetch(ahead, step % 2, column < w.columns());
  detail::fetch_any(loaded, w, first_row, column);
  int count = 0;
  for (int i = 0; i < 2; ++i) {
    matrix_index const wanted = first_row + 8 * i + lane / 4;
    matrix_index const row = wanted < w.rows() ? wanted : w.rows() - 1;
    for (int j = 0; j < 4; ++j) count += ahead.codes[i][j] != mma::load_codes(w, row, column + 8 * j);
    count += ahead.scales[i] != (mma::load_scales(w, row, column / block::size) & (block::size == 16 ? 0xFFFFu : 0xFFu));
    if (wanted < w.rows()) {
      for (int j = 0; j < 4; ++j) count += ahead.codes[i][j] != loaded.codes[i][j];
      count += ahead.scales[i] != loaded.scales[i];
    } else {
      count += loaded.codes[i][0] != 0 || loaded.scales[i] != 0;
    }
  }
  if (count != 0) atomicAdd(wrong, count);
}

using mx = quantizer<mxfp4_block, scaling::power_of_two<>>;

template <class ScaleLayout, class Quantizer = quantizer<>>
int differences(matrix_index rows, matrix_index columns) {
  auto const shape = shape_for<Quantizer, ScaleLayout>(rows, columns);
  fixture::device_matrix<Quantizer, ScaleLayout> w(shape);
  std::vector<std::uint8_t> codes(w.codes.size()), scales(w.scale_bytes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 0x9E37'79B1u >> 13);
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(i * 37 % 127);
  fixture::transfer(codes.begin(), codes.end(), w.codes.begin());
  fixture::transfer(scales.begin(), scales.end(), w.scale_bytes.begin());
  fixture::device_vector<int> wrong(1, 0);
  for (matrix_index row = 0; row < rows; row += 16) {
    for (int step = 0; step < (columns + 127) / 128; ++step) {
      compare<<<1, 32>>>(w.view(), row, step, wrong.data());
    }
  }
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return wrong[0];
}

__global__ void load_x(bf16 const* x, std::uint32_t* pairs) {
  std::uint32_t all[3][1][4];
  detail::load_eight<true>(x, 1, 8).to_pairs(all[0]);
  detail::load_eight<false>(x, 1, 3).to_pairs(all[1]);
  detail::load_eight<false>(x, 2, 8).to_pairs(all[2]);
  for (int i = 0; i < 12; ++i) pairs[i] = all[i / 4][0][i % 4];
}

__global__ void split_floats(float const* x, float* sums, int* wrong) {
  std::uint32_t parts[3][4], strided[3][4];
  detail::load_eight<true>(x + 8 * blockIdx.x, 1, 8).to_pairs(parts);
  detail::load_eight<false>(x + 8 * blockIdx.x, 1, 8).to_pairs(strided);
  for (int i = 0; i < 8; ++i) {
    float sum = 0.0f;
    for (int part = 2; part >= 0; --part) {
      atomicAdd(wrong, parts[part][i % 4] != strided[part][i % 4]);
      auto const half = static_cast<std::uint16_t>(parts[part][i % 4] >> (i / 4 * 16));
      sum += static_cast<float>(bf16::from_bits(half));
    }
    sums[8 * blockIdx.x + i] = sum;
  }
}

}  // namespace

TEST_CASE("vectors and ordinary loads bring the same step, in both scale layouts and past the edges") {
  if (!fixture::has_device()) return;
  CHECK(differences<cuda::std::layout_right>(32, 256) == 0);
  CHECK(differences<cuda::std::layout_right>(21, 192) == 0);
  CHECK(differences<layout::scale_tile_128x4>(32, 256) == 0);
  CHECK(differences<layout::scale_tile_128x4>(139, 320) == 0);
  CHECK(differences<cuda::std::layout_right, mx>(21, 192) == 0);
  CHECK(differences<layout::scale_tile_128x4, mx>(139, 320) == 0);
}

TEST_CASE("eight of x are four pairs of an element and the fourth after it") {
  if (!fixture::has_device()) return;
  std::vector<bf16> x(16);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16::from_bits(static_cast<int>(i) + 1);
  fixture::device_vector<bf16> const device(x.begin(), x.end());
  fixture::device_vector<std::uint32_t> pairs(12);
  load_x<<<1, 1>>>(device.data(), pairs.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(pairs);
  for (std::uint32_t j = 0; j < 4; ++j) {
    CHECK(got[j] == ((j + 1) | (j + 5) << 16));
    CHECK(got[4 + j] == (j < 3 ? j + 1 : 0));
    CHECK(got[8 + j] == ((2 * j + 1) | (2 * j + 9) << 16));
  }
}

TEST_CASE("a float is the sum of its three parts, whatever its exponent, and infinities and NaN stay") {
  if (!fixture::has_device()) return;
  std::vector<float> x;
  for (std::uint32_t exponent = 20; exponent < 256; ++exponent) {
    for (std::uint32_t i = 0; i < 64; ++i) {
      std::uint32_t const mantissa = i * 0x9E37'79B1u >> 9;
      x.push_back(nibble::detail::float_from_bits((i % 2) << 31 | exponent << 23 | (i == 0 ? 0 : mantissa)));
    }
  }
  fixture::device_vector<float> const device(x.begin(), x.end());
  fixture::device_vector<float> sums(x.size());
  fixture::device_vector<int> wrong(1, 0);
  split_floats<<<static_cast<unsigned>(x.size() / 8), 1>>>(device.data(), sums.data(),
                                                           wrong.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(sums);
  int different = wrong[0];
  for (std::size_t i = 0; i < x.size(); ++i) different += x[i] == x[i] ? got[i] != x[i] : got[i] == got[i];
  CHECK(different == 0);
}
