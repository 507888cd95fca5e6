// SPDX-License-Identifier: Apache-2.0
// Operands straight from the quantizer: the bf16 that decoding its codes gives.
#include <doctest/doctest.h>

#include <cstring>

#include <nibble/device/decoded_operand.cuh>
#include <nibble/layer_key.hpp>
#include <nibble/recipes/nvfp4.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;
namespace parts = device::detail;
using tiled = layout::scale_tile_128x4;

namespace {

cuda::stream_ref const stream{cudaStream_t{}};

/// Codes and the bf16 that they are decoded to, and what is written straight.
template <class Quantizer>
struct both_ways {
  quantized_shape<nvfp4_block, tiled> shape;
  managed<std::uint8_t> codes;
  managed<fp8_e4m3> scales;
  managed<float> amax;
  managed<bf16> decoded, straight;

  both_ways(matrix_index rows, matrix_index columns)
      : shape(shape_for<Quantizer, tiled>(rows, columns)),
        codes(static_cast<std::size_t>(shape.code_bytes())),
        scales(static_cast<std::size_t>(shape.scale_count())),
        amax(std::size_t{1}),
        decoded(static_cast<std::size_t>(rows * columns)),
        straight(static_cast<std::size_t>(rows * columns)) {}
  quantized_view<nvfp4_block, tiled> view() {
    return *make_quantized_view<nvfp4_block, tiled>(codes.span(), scales.span(), amax.span(),
                                                    shape);
  }
  parts::decoded_output output() {
    return parts::decoded_like(view(), straight.span().data(), shape.columns);
  }
  int differences() {
    REQUIRE(device::decode_operand<Quantizer>(stream.get(), view(), decoded.span().data(),
                                              shape.columns) == device::status::success);
    auto const a = decoded.values(), b = straight.values();
    int count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i].bits() != b[i].bits();
    return count;
  }
};

/// Both directions of a matrix at once, and its rows alone.
template <class T, class Rows, class Columns>
int differences(matrix_index rows, matrix_index columns) {
  auto host = fixture::filled<T>(rows, columns, 3);
  host(1, 2) = static_cast<T>(-0.0f);
  managed<T> in(host.values);
  auto const view = in.view(rows, columns);
  Rows const q_rows = keyed<Rows>({1, 2, 3}, operand_role::dgrad_dy);
  Columns const q_columns = keyed<Columns>({1, 2, 3}, operand_role::wgrad_dy);
  both_ways<Rows> by_rows(rows, columns);
  both_ways<Columns> by_columns(columns, rows);
  REQUIRE(device::quantize_both(stream, view, by_rows.view(), by_columns.view(), q_rows,
                                q_columns) == device::status::success);
  REQUIRE(parts::is_tileable(view));
  REQUIRE(parts::quantize_tileable(stream.get(), view, q_rows, by_rows.output(), q_columns,
                                   by_columns.output()) == device::status::success);
  return by_rows.differences() + by_columns.differences();
}

}  // namespace

TEST_CASE("operands written straight are the bf16 that their codes decode to") {
  if (!fixture::has_device()) return;
  using namespace recipes::nvfp4_parts;
  CHECK(differences<bf16, weights, wgrad_gradients>(144, 272) == 0);
  CHECK(differences<bf16, weights, wgrad_gradients>(272, 144) == 0);
}
