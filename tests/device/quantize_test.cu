// SPDX-License-Identifier: Apache-2.0
// The device's bytes are the host's, for every policy, shape and layout.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/device/dequantize.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>

#include "support/device_bytes.cuh"
#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;
using tiled = layout::scale_tile_128x4;
using plain = cuda::std::layout_right;

/// Quantizes the same matrix on both sides and compares codes, scales with their padding, and amaxes.
template <class ScaleLayout, class T, class Quantizer>
int different_bytes(fixture::matrix<T> const& values, Quantizer const& q) {
  auto const expected = quantized<ScaleLayout>(values.view(), q);
  fixture::device_vector<T> const on_device(values.values.begin(), values.values.end());
  auto const view = values.view();
  cuda::std::array<matrix_index, 2> const strides{view.stride(0), view.stride(1)};
  matrix_view<T const> const in(on_device.data(), {view.extents(), strides});
  fixture::guarded_matrix<typename Quantizer::block_type, ScaleLayout> out(expected.shape());
  CHECK(device::quantize(cuda::stream_ref{cudaStream_t{}}, in, out.view(), q) == device::status::success);
  int const differences = out.different_bytes(expected);

  // And back.
  fixture::matrix<> host_back(values.rows, values.columns);
  dequantize(expected.view(), host_back.view(), q);
  fixture::guarded_bytes back(static_cast<std::size_t>(values.rows * values.columns) * sizeof(float));
  auto const back_view = *make_matrix_view(back.as<float>(), values.rows, values.columns);
  CHECK(device::dequantize(cuda::stream_ref{cudaStream_t{}}, out.view(), back_view, q) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return differences + !back.guards_hold() +
         fixture::bytes_unlike(back.inside(), host_back.elements());
}

/// Contiguous and strided matrices, whole and ragged: every kernel that the launcher may choose.
template <class ScaleLayout = plain, class T = bf16, class Quantizer>
int over_shapes(Quantizer const& q) {
  int differences = 0;
  struct shape {
    matrix_index rows, columns;
  };
  for (shape const s : {shape{256, 512}, shape{1, 16}, shape{33, 70}, shape{128, 128}, shape{17, 1},
                        shape{130, 2048}}) {
    differences += different_bytes<ScaleLayout>(fixture::filled<T>(s.rows, s.columns, 3), q);
  }
  auto const values = fixture::filled<T>(48, 96, 5);
  differences += different_bytes<ScaleLayout>(fixture::restrided(values, 112, 1), q);
  differences += different_bytes<ScaleLayout>(fixture::restrided(values, 3, 150), q);  // columns run fastest
  return differences;
}

}  // namespace

// bugs: C1 D4
TEST_CASE("nearest rounding in 1x16 blocks: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer<>{}) == 0);
  CHECK(over_shapes<tiled>(quantizer<>{}) == 0);
  CHECK(over_shapes<plain, float>(quantizer<>{}) == 0);
}

TEST_CASE("16x16 tiles: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
  CHECK(over_shapes<tiled>(quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
  // Rows of a tile are transformed before it is scaled, so the kernel of plain tiles does not serve.
  CHECK(over_shapes(quantizer<nvfp4_block, scaling::amax<scaling::tile::square>, rounding::nearest_even,
                              transform::random_hadamard<16>>{}) == 0);
}

TEST_CASE("stochastic rounding of 8, 16 and 24 bits: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer{scaling::amax<>{}, rounding::stochastic<8>{{5, 6}}}) == 0);
  CHECK(over_shapes(quantizer{scaling::amax<>{}, rounding::stochastic<16>{{5, 6}}}) == 0);
  CHECK(over_shapes(quantizer{scaling::amax<>{}, rounding::stochastic<24>{{5, 6}}}) == 0);
}

TEST_CASE("Hadamard transforms: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer{scaling::amax<>{}, rounding::nearest_even{},
                              transform::random_hadamard<16, bf16>{}}) == 0);
  CHECK(over_shapes(quantizer{scaling::amax<>{}, rounding::stochastic<>{{1, 2}},
                              transform::random_hadamard<128>{}}) == 0);
}

TEST_CASE("4/6, exhaustive, MX, FP8 and outer scales: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer{scaling::four_over_six<>{}}) == 0);
  CHECK(over_shapes(quantizer<nvfp4_block, scaling::four_over_six<scaling::absolute_error, scaling::tile::square>>{}) == 0);
  CHECK(over_shapes(quantizer{scaling::exhaustive<>{}}) == 0);
  CHECK(over_shapes(quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{}) == 0);
  CHECK(over_shapes(quantizer<mxfp8_block, scaling::power_of_two<>>{}) == 0);
  CHECK(over_shapes(quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>{}) == 0);
  CHECK(over_shapes(quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>{}) == 0);
  CHECK(over_shapes(quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_block_128<>>>{}) == 0);
}

TEST_CASE("other roundings, clipped scales and EDEN, transforms of 32 and 64: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  using scales = scaling::amax<>;
  CHECK(over_shapes(quantizer{scales{}, rounding::nearest_away{}}) == 0);
  CHECK(over_shapes(quantizer{scales{}, rounding::toward_zero{}}) == 0);
  CHECK(over_shapes(quantizer{scaling::clipped<1581, 1600>{}}) == 0);
  CHECK(over_shapes(quantizer{scales{}, rounding::stochastic<>{{7, 8}}, transform::fresh_hadamard<16>{}}) == 0);
  CHECK(over_shapes(quantizer{scales{}, rounding::nearest_even{}, transform::hadamard<32>{}}) == 0);
  CHECK(over_shapes(quantizer{scales{}, rounding::nearest_even{}, transform::random_hadamard<64>{}}) == 0);
  CHECK(over_shapes(quantizer{scaling::clipped<1581, 1600, scaling::tile::row, tensor_scale::current<256>>{},
                              rounding::nearest_even{}, transform::fresh_hadamard<128>{},
                              correction::eden<128>{{9, 10}}}) == 0);
}

TEST_CASE("blocks that say by which table they are read: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer<if4_block, scaling::adaptive<>>{}) == 0);
  CHECK(over_shapes(quantizer<razer_block, scaling::adaptive<scaling::absolute_error, scaling::tile::square>>{}) == 0);
}

TEST_CASE("halves, stochastic, transformed and both: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  using draws = rounding::stochastic<>;
  using turns = transform::random_hadamard<16, bf16>;
  CHECK(over_shapes<plain, fp16>(quantizer{scaling::amax<>{}, draws{{5, 6}}}) == 0);
  CHECK(over_shapes<plain, fp16>(quantizer{scaling::amax<>{}, rounding::nearest_even{}, turns{}}) == 0);
  CHECK(over_shapes<tiled, fp16>(quantizer{scaling::amax<>{}, draws{{5, 6}}, turns{}}) == 0);
}

// bugs: A5
TEST_CASE("zero, NaN, infinity and subnormal matrices: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  for (std::uint32_t const bits : {0u, 0x80000000u, 1u, 0x7F7FFFFFu, 0x7F800000u, 0x7FC00000u, 0xFFC00001u}) {
    fixture::matrix<float> values(16, 64);
    for (auto& value : values.values) value = detail::float_from_bits(bits);
    values(3, 5) = 1.0f;
    CHECK(different_bytes<plain>(values, quantizer<>{}) == 0);
    CHECK(different_bytes<plain>(values, quantizer{scaling::amax<>{}, rounding::stochastic<>{{5, 6}}}) == 0);
  }
}

TEST_CASE("long rows with scales in tiles of 128x4: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled<bf16>(300, 1040, 11);  // 65 blocks a row, tiles cut off
  auto const apart = fixture::restrided(values, 1072, 1);
  auto const check = [&](auto const& q) {
    CHECK(different_bytes<tiled>(values, q) == 0);
    CHECK(different_bytes<tiled>(apart, q) == 0);
  };
  check(quantizer<>{});
  check(quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::none>>{});
}

// bugs: D13
TEST_CASE("one to 33 blocks in a row, or below each other: device bytes are host bytes, and none beside them") {
  if (!fixture::has_device()) return;
  int differences = 0;
  for (matrix_index blocks = 1; blocks <= 33; ++blocks) {
    auto const across = fixture::filled<bf16>(1, 16 * blocks, 21), below = fixture::filled<bf16>(blocks, 16, 22);
    differences += different_bytes<plain>(across, quantizer<>{}) + different_bytes<tiled>(across, quantizer<>{}) +
                   different_bytes<plain>(below, quantizer<>{}) + different_bytes<tiled>(below, quantizer<>{});
  }
  CHECK(differences == 0);
}

// bugs: D18
TEST_CASE("one to 2048 rows: device bytes are those of the first rows of as many") {
  if (!fixture::has_device()) return;
  constexpr matrix_index most = 2048, columns = 64;
  auto const values = fixture::filled<bf16>(most, columns, 23);
  auto const all = quantized<tiled>(values.view(), quantizer<>{});
  fixture::on_device<bf16> const from(values);
  int wrong = 0;
  for (matrix_index rows = 1; rows <= most; rows += most / fixture::times(most)) {
    matrix_view<bf16 const> const in(from.view.data_handle(), {matrix_extents(rows, columns), cuda::std::array<matrix_index, 2>{columns, 1}});
    fixture::guarded_matrix<nvfp4_block, tiled> out(shape_for<quantizer<>, tiled>(rows, columns));
    auto const amax = all.amax().front();
    fixture::transfer(&amax, &amax + 1, out.amax.as<float>().data());
    wrong += device::quantize_with_amax(cuda::stream_ref{cudaStream_t{}}, in, out.view(), quantizer<>{}) != device::status::success;
    auto const codes = out.codes.inside(), scales = out.scales.inside();
    wrong += !std::equal(codes.begin(), codes.end(), all.code_bytes().begin());
    auto const mapping = out.view().scales.mapping();
    for (matrix_index r = 0; r < rows; ++r) {
      for (matrix_index b = 0; b < columns / 16; ++b) {
        wrong += scales[static_cast<std::size_t>(mapping(r, b))] != all.view().scale(r, b).bits();
      }
    }
    wrong += !out.guards_hold();
  }
  CHECK(wrong == 0);
}

// bugs: E8
TEST_CASE("odd strides, by rows and by columns: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled<bf16>(80, 96, 7);
  struct steps {
    matrix_index row, column;
  };
  for (steps const s : {steps{97, 1}, steps{104, 1}, steps{193, 2}, steps{1, 81}, steps{3, 243}}) {
    auto const strided = fixture::restrided(values, s.row, s.column);
    CHECK(different_bytes<plain>(strided, quantizer<>{}) == 0);
    CHECK(different_bytes<tiled>(strided, quantizer<>{}) == 0);
    CHECK(different_bytes<plain>(
              strided, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
    CHECK(different_bytes<plain>(
              strided, quantizer{scaling::amax<>{}, rounding::stochastic<8>{{5, 6}}}) == 0);
  }
}

// bugs: E4
TEST_CASE("more than 65535 tiles in a dimension, there and back: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
  constexpr matrix_index many = 16 * 65536;
  for (auto const& [rows, columns] :
       {std::pair<matrix_index, matrix_index>{many + 7, 5}, {many + 32, 16}, {16, many + 32}}) {
    auto const values = fixture::filled<bf16>(rows, columns, 9);
    CHECK(different_bytes<plain>(values, quantizer<>{}) == 0);
    if (fixture::is_brief()) break;
    CHECK(different_bytes<plain>(values, square{}) == 0);
    CHECK(different_bytes<tiled>(values, quantizer<>{}) == 0);
  }
}

// bugs: E6
TEST_CASE(
    "matrices without rows or columns are quantized and decoded to nothing, and leave no error") {
  if (!fixture::has_device()) return;
  for (auto const& [rows, columns] :
       {std::pair<matrix_index, matrix_index>{0, 64}, {64, 0}, {0, 0}}) {
    fixture::matrix<bf16> const values(rows, columns);
    CHECK(different_bytes<plain>(values, quantizer<>{}) == 0);
    CHECK(different_bytes<tiled>(values, quantizer<>{}) == 0);
    CHECK(different_bytes<plain>(
              values, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
    CHECK(cudaGetLastError() == cudaSuccess);
  }
}

/// Is what a matrix of 32 x 64 would be quantized to left alone where rows of codes are no whole blocks apart?
template <class Quantizer>
bool leaves_alone(Quantizer const& q) {
  fixture::on_device<float> const in(fixture::filled(32, 64, 9));
  fixture::guarded_matrix<nvfp4_block> out(shape_for<Quantizer>(40, 64));
  auto view = *make_quantized_view<nvfp4_block, plain>(
      out.codes.as<std::uint8_t>(), out.scales.as<fp8_e4m3>(), out.amax.as<float>(),
      shape_for<Quantizer>(32, 64));
  using mapping = cuda::std::layout_stride::mapping<matrix_extents>;
  mapping const apart(matrix_extents(32, 64), cuda::std::array<matrix_index, 2>{72, 1});
  view.codes = {view.codes.data_handle(), apart};
  CHECK(device::quantize(cuda::stream_ref{cudaStream_t{}}, in.view, view, q) ==
        device::status::code_layout);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return out.is_untouched();
}

// bugs: F12
TEST_CASE("codes that do not lie as they must are a status, and not even an amax is written") {
  if (!fixture::has_device()) return;
  CHECK(leaves_alone(quantizer<>{}));
  CHECK(leaves_alone(
      quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>{}));
}

// bugs: F12
TEST_CASE("an output of another shape is a status, and nothing is written") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  fixture::device_matrix<q, plain> out(shape_for<q, plain>(16, 64));
  fixture::device_vector<float> in(16 * 80, 1.0f);
  auto const view = *make_matrix_view(cuda::std::span<float>(in.data(), in.size()), 16, 80);
  CHECK(device::quantize(cuda::stream_ref{cudaStream_t{}}, view, out.view(), q{}) ==
        device::status::shape_mismatch);
  CHECK(fixture::copied(out.codes)[0] == 0xAA);
}
