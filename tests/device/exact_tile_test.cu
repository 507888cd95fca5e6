// SPDX-License-Identifier: Apache-2.0
// Exact tiles on int8 tensor cores: the host's bytes at any extents, for every code and scale, over
// more than one chunk of K, and with NaN scales.
#include <doctest/doctest.h>

#include <cstring>

#include <nibble/device/exact_tile.cuh>
#include <nibble/quantize.hpp>

#include "support/has_device.cuh"
#include "support/tile_product.cuh"

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;
using device::detail::exact_stages;

namespace {

template <class View>
__global__ void __launch_bounds__(256, 1)
    multiply(View a, View b, matrix_view<float> out, epilogue e, matrix_index strips) {
  extern __shared__ __align__(1024) uint4 memory[];
  device::detail::multiply_tile_exact(*reinterpret_cast<exact_stages*>(memory), a, b, e.alpha, out,
                                      e, blockIdx.x % strips * exact_stages::rows,
                                      blockIdx.x / strips * exact_stages::columns);
}

/// Codes and scales of all kinds, every byte of them, NaN scales where asked for.
template <class ScaleLayout>
quantized_by<quantizer<>, ScaleLayout> made(matrix_index rows, matrix_index columns,
                                            std::uint32_t seed, int nan_every) {
  quantized_by<quantizer<>, ScaleLayout> result(
      shape_for<quantizer<>, ScaleLayout>(rows, columns));
  auto const view = result.view();
  auto const next = [&] {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 12;
  };
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index k = 0; k < columns; ++k) {
      view.codes(i, k) = fp4_e2m1::from_bits(next() % 16);
    }
    for (matrix_index b = 0; b < view.scales.extent(1); ++b) {
      std::uint32_t const bits = next() % 256;
      bool const is_nan = (bits & 0x7F) == 0x7F;
      bool const keeps = nan_every > 0 && i % nan_every == 0;
      view.scales(i, b) = fp8_e4m3::from_bits(is_nan && !keeps ? bits ^ 1 : bits);
    }
  }
  view.amax(0, 0) = 6 * 448;
  return result;
}

template <class ScaleLayout>
int wrong_results(matrix_index rows, matrix_index columns, matrix_index depth, int nan_every = 0,
                  float beta = 2.0f) {
  fixture::on_both_sides<ScaleLayout> a(made<ScaleLayout>(rows, depth, 5, nan_every)),
      b(made<ScaleLayout>(columns, depth, 6, nan_every));
  auto const launch = [&](matrix_index tiles, matrix_view<float> out, epilogue e,
                          matrix_index strips) {
    return device::detail::launch_product_tiles(
        nullptr, multiply<quantized_view<nvfp4_block, ScaleLayout>>, sizeof(exact_stages), tiles,
        a.view(), b.view(), out, e, strips);
  };
  auto const [got, expected] = fixture::products_by_tiles(a, b, exact_stages::rows,
                                                          exact_stages::columns, beta, launch);
  int wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    wrong += std::memcmp(&got[i], &expected[i], sizeof(float)) != 0;
  }
  return wrong;
}

}  // namespace

TEST_CASE("exact tiles of any extents are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  CHECK(wrong_results<tiled>(64, 128, 64) == 0);
  CHECK(wrong_results<plain>(1, 1, 1) == 0);
  CHECK(wrong_results<plain>(65, 257, 16, 0, 0.0f) == 0);
  CHECK(wrong_results<tiled>(130, 301, 1000) == 0);
  CHECK(wrong_results<plain>(7, 9, 0) == 0);
}

TEST_CASE(
    "sums over more than a chunk of K are exact, and NaN scales reach their rows and columns") {
  if (!fixture::has_device()) return;
  CHECK(wrong_results<plain>(3, 5, 32768 + 32768 + 40) == 0);
  CHECK(wrong_results<tiled>(70, 140, 96, 9) == 0);
}
