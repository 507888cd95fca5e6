// SPDX-License-Identifier: Apache-2.0
// A kernel of one's own over tiles: both directions of a matrix from one read of it.
#include <doctest/doctest.h>

#include <nibble/device/tile.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize_both.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

namespace {

using plain_view = quantized_view<nvfp4_block>;
using tile_type = device::shared_tile<64, 32>;
static_assert(sizeof(tile_type) == 4 * 64 * 33);

/// One CTA a tile; the amaxes first, if asked.
template <bool AmaxOnly, class Rows, class Columns>
__global__ void both_directions(matrix_view<float const> in, plain_view rows, plain_view columns,
                                Rows q_rows, Columns q_columns) {
  __shared__ tile_type tile;
  matrix_index const row = blockIdx.y * tile_type::rows, column = blockIdx.x * tile_type::columns;
  device::load_tile(in, row, column, tile);
  __syncthreads();
  if constexpr (AmaxOnly) {
    device::raise_tile_amax<false>(tile, rows, q_rows, row, column);
    device::raise_tile_amax<true>(tile, columns, q_columns, column, row);
  } else {
    device::encode_tile<false>(tile, rows, q_rows, Rows::prepare({rows.amax(0, 0)}), row, column);
    device::encode_tile<true>(tile, columns, q_columns, Columns::prepare({columns.amax(0, 0)}),
                              column, row);
  }
}

}  // namespace

// bugs: F6
TEST_CASE("tiles make both directions of a matrix, ragged edges included, with the host's bytes") {
  if (!fixture::has_device()) return;
  using q_rows = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
  quantizer const q_columns{scaling::amax<>{}, rounding::stochastic<>{{1, 2}},
                            transform::random_hadamard<16>{}};
  using q_columns_type = std::remove_const_t<decltype(q_columns)>;
  for (auto const& [rows, columns] : {std::pair{128, 64}, {70, 100}, {1, 1}}) {
    auto const values = fixture::filled(rows, columns, 3);
    quantized_by<q_rows> by_row(shape_for<q_rows>(rows, columns));
    quantized_by<q_columns_type> by_column(shape_for<q_columns_type>(columns, rows));
    quantize_both(values.view(), by_row.view(), by_column.view(), q_rows{}, q_columns);

    fixture::on_device<float> const in(values);
    fixture::guarded_matrix<nvfp4_block> a(by_row.shape()), b(by_column.shape());
    float const zero = 0;
    a.amax.upload(&zero, sizeof zero);
    b.amax.upload(&zero, sizeof zero);
    dim3 const grid((static_cast<unsigned>(columns) + 31) / 32,
                    (static_cast<unsigned>(rows) + 63) / 64);
    both_directions<true><<<grid, 96>>>(in.view, a.view(), b.view(), q_rows{}, q_columns);
    both_directions<false><<<grid, 96>>>(in.view, a.view(), b.view(), q_rows{}, q_columns);
    CHECK(a.different_bytes(by_row) == 0);
    CHECK(b.different_bytes(by_column) == 0);
  }
}
