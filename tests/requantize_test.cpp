// SPDX-License-Identifier: Apache-2.0
// Requantizing is dequantizing and quantizing, byte for byte, without the matrix between them.
#include <doctest/doctest.h>

#include <stdexcept>

#include <nibble/nibble.hpp>
#include <nibble/requantize.hpp>

#include "support/matrices.hpp"

using namespace nibble;
using tiled = layout::scale_tile_128x4;

namespace {

/// How many bytes differ, guards included.
template <class ScaleLayout = cuda::std::layout_right, class From, class To>
int different_bytes(matrix_index rows, matrix_index columns, From const& q_in, To const& q_out,
                    orientation lies) {
  auto const in = quantized(fixture::filled(rows, columns, 6).view(), q_in);
  fixture::matrix<float> values(rows, in.view().columns());
  dequantize(in.view(), values.view(), q_in);
  bool const is_turned = lies == orientation::transposed;
  auto const between = is_turned ? transposed(values.view()) : values.view();
  auto const expected = quantized<ScaleLayout>(between, q_out);
  fixture::poisoned<To, ScaleLayout> out(between.extent(0), between.extent(1));
  requantize(in.view(), q_in, out.view(), q_out, lies);
  int differences = !out.guards_hold();
  auto const count = [&](auto const& got, void const* wanted) {
    for (std::size_t i = 0; i < got.size() * sizeof got[0]; ++i) {
      differences +=
          reinterpret_cast<char const*>(got.data())[i] != static_cast<char const*>(wanted)[i];
    }
  };
  count(out.code_bytes(), expected.code_bytes().data());
  count(out.scale_bytes(), expected.scales().data());
  count(out.amaxes(), expected.amax().data());
  return differences;
}

template <class ScaleLayout = cuda::std::layout_right, class From, class To>
int over_shapes(From const& q_in, To const& q_out) {
  int differences = 0;
  for (auto const lies : {orientation::straight, orientation::transposed}) {
    for (auto const& [rows, columns] :
         {std::pair{128, 256}, {300, 70}, {1, 17}, {130, 129}, {0, 16}}) {
      differences += different_bytes<ScaleLayout>(rows, columns, q_in, q_out, lies);
    }
  }
  return differences;
}

using rows_of = quantizer<>;
using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using mxfp4 = quantizer<mxfp4_block, scaling::power_of_two<>>;
using per_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;

}  // namespace

TEST_CASE("rows to the transposed direction, tiles to rows, NVFP4 to MXFP4 and back") {
  CHECK(over_shapes(rows_of{}, rows_of{}) == 0);
  CHECK(over_shapes<tiled>(tiles{}, rows_of{}) == 0);
  CHECK(over_shapes<tiled>(rows_of{}, mxfp4{}) == 0);
  CHECK(over_shapes(mxfp4{}, tiles{}) == 0);
}

TEST_CASE("stochastic rounding draws by position, transforms and amaxes per row keep their place") {
  quantizer const stochastic{scaling::amax<>{}, rounding::stochastic<>{{7, 8}}};
  quantizer const rotated{scaling::amax<>{}, rounding::nearest_even{},
                          transform::random_hadamard<32>{}};
  CHECK(over_shapes(rows_of{}, stochastic) == 0);
  CHECK(over_shapes(rotated, stochastic) == 0);
  CHECK(over_shapes(per_row{}, rotated) == 0);
  CHECK(over_shapes(rotated, per_row{}) == 0);
}

TEST_CASE("an output of another shape is refused before anything is written") {
  auto const in = quantized(fixture::filled(32, 64).view(), rows_of{});
  fixture::poisoned<rows_of> out(32, 64);
  CHECK_THROWS_AS(requantize(in.view(), rows_of{}, out.view(), rows_of{}, orientation::transposed),
                  std::invalid_argument);
  CHECK(out.untouched());
  using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::hadamard<128>>;
  auto const rotated = quantized(fixture::filled(32, 128).view(), wide{});
  CHECK_THROWS_AS(requantize(*part(rotated.view(), 0, 0, 32, 64), wide{}, out.view(), rows_of{}),
                  std::invalid_argument);
  CHECK(out.untouched());
}
