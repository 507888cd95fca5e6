// SPDX-License-Identifier: Apache-2.0
// Tiles on tensor cores over a matrix of any extents: exact where sums fit a float, and nothing beside
// the matrix is written.
#include <doctest/doctest.h>

#include <nibble/device/grouped_tile.cuh>
#include <nibble/matmul.hpp>
#include <nibble/quantize.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;
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

struct on_both_sides {
  quantized_by<quantizer<>, tiled> host;
  managed<std::uint8_t> codes;
  managed<fp8_e4m3> scales;
  managed<float> amax;

  explicit on_both_sides(fixture::matrix<float> const& values)
      : host(quantized<tiled>(values.view(), quantizer<>{})),
        codes({host.code_bytes().begin(), host.code_bytes().end()}),
        scales({host.scales().begin(), host.scales().end()}),
        amax({host.amax().begin(), host.amax().end()}) {}
  view_type view() {
    return *make_quantized_view<nvfp4_block, tiled>(codes.span(), scales.span(), amax.span(),
                                                    host.shape());
  }
};

int wrong_results(matrix_index rows, matrix_index columns, matrix_index depth) {
  auto x = fixture::filled<float>(rows, depth, 5), w = fixture::filled<float>(columns, depth, 6);
  for (float& value : x.values) value = value > 0 ? 2.0f : value < -40 ? -1.0f : 0.0f;
  for (float& value : w.values) value = value > 0 ? 1.0f : value < -40 ? -4.0f : 0.0f;
  on_both_sides a(x), b(w);
  fixture::matrix<float> expected(rows, columns + 3, columns + 3, 1);
  for (float& value : expected.values) value = 7;
  managed<float> out(expected.values);
  auto const inside = [&](float* data) {
    cuda::std::array<matrix_index, 2> const strides{columns + 3, 1};
    return matrix_view<float>(data, {matrix_extents(rows, columns), strides});
  };
  epilogue const e{0.25f, 2.0f, nullptr};
  auto const alpha =
      fold_alpha<quantizer<>, quantizer<>>(e.alpha, {a.host.amax()[0]}, {b.host.amax()[0]});
  matrix_index const strips = (rows + 127) / 128;
  REQUIRE(device::detail::launch_product_tiles(
              nullptr, multiply, device::detail::fast_tile_bytes(),
              strips * ((columns + 255) / 256), a.view(), b.view(), inside(out.span().data()),
              epilogue{alpha, e.beta, e.bias}, strips) == device::status::success);
  matmul<product::exact>(a.host.view(), quantizer<>{}, b.host.view(), quantizer<>{},
                         inside(expected.values.data()), e);
  auto const got = out.values();
  int wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) wrong += got[i] != expected.values[i];
  return wrong;
}

}  // namespace

TEST_CASE("tiles of any extents are exact where sums fit a float") {
  if (!fixture::has_device()) return;
  CHECK(wrong_results(128, 256, 64) == 0);
  CHECK(wrong_results(1, 1, 128) == 0);
  CHECK(wrong_results(130, 300, 320) == 0);
}
