// SPDX-License-Identifier: Apache-2.0
// Tiles on tensor cores over a matrix of any extents: exact where sums fit a float, and nothing beside
// the matrix is written.
#include <doctest/doctest.h>

#include <nibble/quantize.hpp>

#include "support/has_device.cuh"
#include "support/tile_product.cuh"

using namespace nibble;
using tiled = layout::scale_tile_128x4;
using view_type = quantized_view<nvfp4_block, tiled>;

namespace {

__global__ void __launch_bounds__(256, 1)
    multiply(view_type a, view_type b, matrix_view<float> out, epilogue e, matrix_index strips) {
  extern __shared__ __align__(1024) uint4 memory[];
  device::detail::multiply_tile_fast(reinterpret_cast<device::detail::staged_operands*>(memory), a,
                                     b, e.alpha, out, e, blockIdx.x % strips * 128,
                                     blockIdx.x / strips * 256);
}

int wrong_results(matrix_index rows, matrix_index columns, matrix_index depth) {
  auto x = fixture::filled<float>(rows, depth, 5), w = fixture::filled<float>(columns, depth, 6);
  for (float& value : x.values) value = value > 0 ? 2.0f : value < -40 ? -1.0f : 0.0f;
  for (float& value : w.values) value = value > 0 ? 1.0f : value < -40 ? -4.0f : 0.0f;
  fixture::on_both_sides<tiled> a(quantized<tiled>(x.view(), quantizer<>{})),
      b(quantized<tiled>(w.view(), quantizer<>{}));
  auto const launch = [&](matrix_index tiles, matrix_view<float> out, epilogue e,
                          matrix_index strips) {
    return device::detail::launch_product_tiles(nullptr, multiply,
                                                device::detail::fast_tile_bytes(), tiles, a.view(),
                                                b.view(), out, e, strips);
  };
  auto const [got, expected] = fixture::products_by_tiles(a, b, 128, 256, 2.0f, launch);
  int wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) wrong += got[i] != expected[i];
  return wrong;
}

}  // namespace

TEST_CASE("tiles of any extents are exact where sums fit a float") {
  if (!fixture::has_device()) return;
  CHECK(wrong_results(128, 256, 64) == 0);
  CHECK(wrong_results(1, 1, 128) == 0);
  CHECK(wrong_results(130, 300, 320) == 0);
}
