// SPDX-License-Identifier: Apache-2.0
// Square tiles from the registers of four lanes each, by floats and by pairs: the codes and scales of the host.
#include <doctest/doctest.h>

#include <nibble/device/square_codes.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;
namespace detail = nibble::device::detail;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using drawn = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>, rounding::stochastic<>>;
constexpr int columns = 8 * 16;  // eight tiles side by side

/// A row's codes of each tile, tile by tile, and the tiles' scales.
struct results {
  std::uint64_t codes[16][8];
  std::uint8_t scales[8];
};

/// One warp, eight tiles; by pairs if ByPairs and the kernel is compiled for such.
template <bool ByPairs, class Quantizer>
__global__ void encode(bf16 const* in, float amax, Quantizer q, results* out) {
  alignas(16) __shared__ float table[detail::tile_encoder<Quantizer>::table_size];
  detail::tile_encoder<Quantizer> const encoder(q, amax, table);
  detail::fill_tables(encoder);
  __syncthreads();
  unsigned const row = threadIdx.x / 8, tile = threadIdx.x % 8;
  std::uint64_t codes[4];
  auto const at = [&](int r, int c) { return in[(row + 4u * r) * columns + 16 * tile + c]; };
  typename Quantizer::scale_type scale;
  if constexpr (ByPairs && detail::finds_squares<bf16, Quantizer>()) {
    std::uint32_t pairs[4][8];
    for (int r = 0; r < 4; ++r) {
      for (int i = 0; i < 8; ++i) {
        pairs[r][i] = at(r, 2 * i).bits() | std::uint32_t{at(r, 2 * i + 1).bits()} << 16;
      }
    }
    scale = detail::encode_square_of_pairs<Quantizer>(encoder, pairs, codes);
  } else {
    auto const values_of = [&](int r, float(&values)[16]) {
      for (int c = 0; c < 16; ++c) values[c] = static_cast<float>(at(r, c));
    };
    scale = detail::encode_square(encoder, values_of, row * columns + 16 * tile, columns, codes);
  }
  for (int r = 0; r < 4; ++r) out->codes[row + 4u * r][tile] = codes[r];
  if (row == 0) out->scales[tile] = scale.bits();
}

/// Eight tiles of all kinds: ordinary, a NaN, only NaN, zeros of both signs, an infinity, numbers that
/// saturate, tiny ones, and numbers of 2^121, whose bits no half has.
fixture::matrix<bf16> tiles_of_all_kinds() {
  auto values = fixture::filled<bf16>(16, columns, 21);
  for (matrix_index i = 0; i < 16; ++i) {
    for (matrix_index c = 0; c < 16; ++c) {
      values(i, 32 + c) = bf16::from_bits(0x7FC1);
      values(i, 48 + c) = bf16::from_bits(c % 2 == 0 ? 0x8000 : 0);
      values(i, 80 + c) = bf16(static_cast<float>(values(i, 80 + c)) * 0x1p20f);
      values(i, 96 + c) = bf16(static_cast<float>(values(i, 96 + c)) * 0x1p-20f);
      values(i, 112 + c) = bf16(static_cast<float>(values(i, 112 + c)) * 0x1p115f);
    }
  }
  values(9, 16 + 3) = bf16::from_bits(0xFFC0);
  values(5, 64 + 15) = bf16::from_bits(0x7F80);
  return values;
}

template <bool ByPairs, class Quantizer>
int different_tiles(fixture::matrix<bf16> const& values, float amax, Quantizer const& q) {
  quantized_matrix<nvfp4_block> expected(shape_for<Quantizer>(16, columns, true));
  expected.view().amax(0, 0) = amax;
  quantize_with_amax(values.view(), expected.view(), q);
  fixture::device_vector<bf16> const in(values.values.begin(), values.values.end());
  fixture::device_vector<results> out(1);
  encode<ByPairs><<<1, 32>>>(in.data(), amax, q, out.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  results const found = fixture::copied(out)[0];
  return fixture::bytes_unlike(std::vector(&found.codes[0][0], &found.codes[0][0] + 16 * 8),
                               expected.code_bytes()) +
         fixture::bytes_unlike(std::vector(found.scales, found.scales + 8), expected.scales());
}

}  // namespace

TEST_CASE(
    "tiles of all kinds side by side, under any amax, are the host's, by floats and by pairs") {
  if (!fixture::has_device()) return;
  auto const values = tiles_of_all_kinds();
  for (float const amax : {0.0f, 1.0f, 127.0f, 3.0e4f, 0x1p126f, 0x1p-120f}) {
    CHECK(different_tiles<false>(values, amax, square{}) == 0);
    CHECK(different_tiles<true>(values, amax, square{}) == 0);
    CHECK(different_tiles<false>(values, amax, drawn{{}, {{3, 4}}}) == 0);
  }
}
