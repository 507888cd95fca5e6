// SPDX-License-Identifier: Apache-2.0
// Matrices of square tiles in strips: device bytes are host bytes for any number of tiles, rows any distance
// apart, a scale for each row or for each tile, in rows or in tiles of 128x4.
#include <doctest/doctest.h>

#include <cstring>

#include <nibble/device/clear.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

namespace {

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using unscaled = quantizer<nvfp4_block, scaling::amax<scaling::tile::square, tensor_scale::none>>;
using drawn = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>, rounding::stochastic<>>;

/// Bytes unlike the host's, and broken guards, with a scale for each row and with one for each tile: by the
/// launcher, and by the kernel in single tiles and in strips of four, which the launcher keeps for more of them.
template <class ScaleLayout, class T, class Quantizer>
int different_bytes(fixture::matrix<T> const& values, Quantizer const& q) {
  namespace kernels = device::detail;
  int differences = 0;
  fixture::on_device<T> const in(values);
  for (bool const is_for_each_tile : {false, true}) {
    quantized_matrix<nvfp4_block, ScaleLayout> expected(
        shape_for<Quantizer, ScaleLayout>(values.rows, values.columns, is_for_each_tile));
    quantize(values.view(), expected.view(), q);
    fixture::guarded_matrix out(expected.shape());
    auto const view = out.view();
    CHECK(device::quantize(fixture::default_stream, in.view, view, q) == device::status::success);
    differences += out.different_bytes(expected);
    for (int const wide : {1, 4}) {
      out.overwrite(cudaStream_t{});
      auto const prepared = kernels::prepared(q);
      kernels::quantize_square_strips<T, std::remove_const_t<decltype(view)>>
          <<<3, kernels::threads_per_block>>>(
              in.view.data_handle(), in.view.stride(0),
              kernels::tile_order(values.rows, values.columns, wide),
              kernels::tile_output<std::remove_const_t<decltype(view)>>(view), prepared);
      kernels::launch_clear_padding(cudaStream_t{}, view);
      differences += out.different_bytes(expected);
    }
  }
  return differences;
}

}  // namespace

TEST_CASE("strips of square tiles, cut off anywhere and rows apart: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  struct shape {
    matrix_index rows, columns;
  };
  for (shape const s : {shape{16, 16}, shape{32, 112}, shape{16, 144}, shape{48, 496},
                        shape{16, 512}, shape{128, 640}, shape{272, 1168}}) {
    auto values = fixture::filled<bf16>(s.rows, s.columns, 6);
    values(3, s.columns - 5) = bf16::from_bits(0x7FC0);
    values(s.rows - 1, 7) = bf16(-4000.0f);
    CHECK(different_bytes<plain>(values, square{}) == 0);
    CHECK(different_bytes<tiled>(values, square{}) == 0);
    CHECK(different_bytes<plain>(fixture::restrided(values, s.columns + 40, 1), square{}) == 0);
    CHECK(different_bytes<tiled>(values, drawn{{}, {{5, 6}}}) == 0);
    CHECK(different_bytes<plain>(values, unscaled{}) == 0);
    CHECK(different_bytes<tiled>(fixture::filled<fp16>(s.rows, s.columns, 7), square{}) == 0);
    CHECK(different_bytes<plain>(fixture::filled<float>(s.rows, s.columns, 8), square{}) == 0);
  }
}

namespace {

/// Writes a part that begins at (row, column), 32 by 576, and counts bytes unlike the host's: in it or round it.
template <class ScaleLayout>
int different_bytes_of_part(matrix_index row, matrix_index column) {
  auto const values = fixture::filled<bf16>(32, 576, 9);
  quantized_matrix<nvfp4_block, ScaleLayout> expected(shape_for<square, ScaleLayout>(64, 1024));
  fixture::guarded_matrix out(expected.shape());
  auto const whole = expected.view();
  std::memset(whole.codes.data_handle().bytes, out.codes.poison, expected.code_bytes().size());
  std::memset(static_cast<void*>(whole.scales.data_handle()), out.scales.poison,
              expected.scales().size());
  fixture::on_device<bf16> const in(values);
  quantize(values.view(), *part(expected.view(), row, column, 32, 576), square{});
  CHECK(device::quantize(fixture::default_stream, in.view, *part(out.view(), row, column, 32, 576),
                         square{}) == device::status::success);
  return out.different_bytes(expected);
}

}  // namespace

TEST_CASE("a part of a quantized matrix of square tiles is written, and nothing round it") {
  if (!fixture::has_device()) return;
  CHECK(different_bytes_of_part<plain>(0, 0) == 0);
  CHECK(different_bytes_of_part<plain>(16, 64) == 0);
  CHECK(different_bytes_of_part<tiled>(0, 0) == 0);
}
