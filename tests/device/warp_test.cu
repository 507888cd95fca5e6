// SPDX-License-Identifier: Apache-2.0
// Lanes of one warp make blocks, tiles and transforms together: the bytes are the quantizer's own.
#include <doctest/doctest.h>

#include <nibble/device/warp.cuh>
#include <nibble/nibble.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

namespace {

/// One warp: its 32 x 8 values to codes, scales and, transformed, back out.
template <class Quantizer, class Transform>
__global__ void by_lanes(float const* in, Quantizer q, Transform transform, std::uint64_t first,
                         std::uint64_t pitch, float* transformed, std::uint8_t* codes,
                         std::uint8_t* scales) {
  float values[8];
  for (int i = 0; i < 8; ++i) values[i] = in[threadIdx.x * 8 + static_cast<unsigned>(i)];
  device::transform_by_lanes(values, transform);
  for (int i = 0; i < 8; ++i) transformed[threadIdx.x * 8 + static_cast<unsigned>(i)] = values[i];
  auto const place = device::place_in_tile();
  auto const made =
      device::quantize_by_lanes(values, q, Quantizer::prepare({448.0f}),
                                first + static_cast<std::uint64_t>(place.row) * pitch +
                                    static_cast<std::uint64_t>(place.column));
  for (int i = 0; i < 4; ++i)
    codes[threadIdx.x * 4 + static_cast<unsigned>(i)] = made.codes.bytes()[i];
  scales[threadIdx.x] = made.scale.bits();
}

/// 256 values: how many transformed values, codes and scales are not the host's.
template <class Quantizer, class Transform>
int differences(Quantizer const& q, Transform const& transform) {
  constexpr std::uint64_t first = 48, pitch = 80;
  auto const values = fixture::filled(16, 16, 11);
  fixture::on_device<float> const in(values);
  fixture::device_vector<float> transformed(256);
  fixture::device_vector<std::uint8_t> codes(128), scales(32);
  by_lanes<<<1, 32>>>(in.view.data_handle(), q, transform, first, pitch, transformed.data(),
                      codes.data(), scales.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(transformed);
  auto const got_codes = fixture::copied(codes), got_scales = fixture::copied(scales);

  int wrong = 0;
  float expected[256];
  for (int i = 0; i < 256; i += Transform::size) {
    float part[Transform::size];
    for (int j = 0; j < Transform::size; ++j) part[j] = values(0, i + j);
    transform.apply(part);
    for (int j = 0; j < Transform::size; ++j) expected[i + j] = part[j];
  }
  for (std::size_t i = 0; i < 256; ++i)
    wrong += detail::float_bits(got[i]) != detail::float_bits(expected[i]);
  float tile[16][16];
  for (int i = 0; i < 256; ++i) tile[i / 16][i % 16] = expected[i];
  for (int row = 0; row < 16; ++row) {
    nvfp4_block block{};
    if constexpr (Quantizer::is_one_block) {
      block = q(tile[row], tensor_amax{448.0f}, first + static_cast<std::uint64_t>(row) * pitch);
    } else {
      block = q(tile, tensor_amax{448.0f}, position{first, pitch}).blocks[row][0];
    }
    for (int half = 0; half < 2; ++half) {
      auto const lane = static_cast<std::size_t>(2 * row + half);
      wrong += got_scales[lane] != block.scale.bits();
      for (std::size_t i = 0; i < 4; ++i) {
        wrong +=
            got_codes[4 * lane + i] != block.codes.bytes()[4 * static_cast<std::size_t>(half) + i];
      }
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("pairs of lanes make blocks of 1x16, a warp makes a tile of 16x16") {
  if (!fixture::has_device()) return;
  quantizer const stochastic{scaling::amax<>{}, rounding::stochastic<>{{5, 6}}};
  quantizer<nvfp4_block, scaling::amax<scaling::tile::square>> const tile;
  CHECK(differences(stochastic, transform::random_hadamard<16, bf16>{}) == 0);
  CHECK(differences(tile, transform::hadamard<128>{}) == 0);
}
