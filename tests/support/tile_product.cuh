// SPDX-License-Identifier: Apache-2.0
// A product by tiles on the device and the host's exact one, into rows with room behind them that both
// leave alone.
#pragma once

#include <utility>
#include <vector>

#include <nibble/device/grouped_tile.cuh>
#include <nibble/matmul.hpp>

#include "support/managed.cuh"
#include "support/matrices.hpp"

namespace fixture {

/// A quantized matrix on both sides.
template <class ScaleLayout>
struct on_both_sides {
  nibble::quantized_by<nibble::quantizer<>, ScaleLayout> host;
  managed<std::uint8_t> codes;
  managed<nibble::fp8_e4m3> scales;
  managed<float> amax;

  explicit on_both_sides(nibble::quantized_by<nibble::quantizer<>, ScaleLayout> made)
      : host(std::move(made)),
        codes({host.code_bytes().begin(), host.code_bytes().end()}),
        scales({host.scales().begin(), host.scales().end()}),
        amax({host.amax().begin(), host.amax().end()}) {}
  nibble::quantized_view<nibble::nvfp4_block, ScaleLayout> view() {
    return *nibble::make_quantized_view<nibble::nvfp4_block, ScaleLayout>(
        codes.span(), scales.span(), amax.span(), host.shape());
  }
};

/// All that lies in the results' memory, and what should.
struct both_products {
  std::vector<float> got, expected;
};

/// launch(tiles, out, e, strips): the product by so many tiles of `tall` x `wide`, in so many strips.
template <class ScaleLayout, class Launch>
both_products products_by_tiles(on_both_sides<ScaleLayout>& a, on_both_sides<ScaleLayout>& b,
                                nibble::matrix_index tall, nibble::matrix_index wide, float beta,
                                Launch const& launch) {
  using namespace nibble;
  matrix_index const rows = a.host.shape().rows, columns = b.host.shape().rows;
  matrix<float> expected(rows, columns + 3, columns + 3, 1);
  for (float& value : expected.values) value = 7;
  managed<float> out(expected.values);
  auto const inside = [&](float* data) {
    cuda::std::array<matrix_index, 2> const strides{columns + 3, 1};
    return matrix_view<float>(data, {matrix_extents(rows, columns), strides});
  };
  epilogue const e{0.25f, beta, nullptr};
  auto const alpha =
      fold_alpha<quantizer<>, quantizer<>>(e.alpha, {a.host.amax()[0]}, {b.host.amax()[0]});
  matrix_index const strips = (rows + tall - 1) / tall;
  REQUIRE(launch(strips * ((columns + wide - 1) / wide), inside(out.span().data()),
                 epilogue{alpha, e.beta, e.bias}, strips) == device::status::success);
  matmul<product::exact>(a.host.view(), quantizer<>{}, b.host.view(), quantizer<>{},
                         inside(expected.values.data()), e);
  return {out.values(), expected.values};
}

}  // namespace fixture
