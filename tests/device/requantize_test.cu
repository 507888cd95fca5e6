// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/device/requantize.cuh>
#include <nibble/nibble.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;
using tiled = layout::scale_tile_128x4;

namespace {

template <class ScaleLayout = cuda::std::layout_right, class From, class To>
int over_shapes(From const& q_in, To const& q_out) {
  int differences = 0;
  struct shape {
    matrix_index rows, columns;
  };
  for (shape const s : {shape{128, 256}, {300, 70}, {1, 17}, {66, 129}, {0, 16}}) {
    auto const host = quantized(fixture::filled(s.rows, s.columns, 6).view(), q_in);
    fixture::guarded_matrix<typename From::block_type> in(host);
    for (auto const lies : {orientation::straight, orientation::transposed}) {
      bool const is_turned = lies == orientation::transposed;
      matrix_index const columns = host.view().columns();
      quantized_by<To, ScaleLayout> expected(is_turned
                                                 ? shape_for<To, ScaleLayout>(columns, s.rows)
                                                 : shape_for<To, ScaleLayout>(s.rows, columns));
      requantize(host.view(), q_in, expected.view(), q_out, lies);
      fixture::guarded_matrix<typename To::block_type, ScaleLayout> out(expected.shape());
      CHECK(device::requantize(fixture::default_stream, in.view(), q_in, out.view(), q_out, lies) ==
            device::status::success);
      differences += out.different_bytes(expected);
    }
    differences += in.different_bytes(host);  // the source is left alone
  }
  return differences;
}

using rows_of = quantizer<>;
using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using mxfp4 = quantizer<mxfp4_block, scaling::power_of_two<>>;
using by_row = scaling::amax<scaling::tile::row, tensor_scale::per_row<>>;

}  // namespace

TEST_CASE(
    "rows, tiles and MX to one another, straight and transposed: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes<tiled>(tiles{}, rows_of{}) == 0);
  CHECK(over_shapes<tiled>(quantizer<nvfp4_block, by_row>{}, mxfp4{}) == 0);
  CHECK(over_shapes(mxfp4{}, tiles{}) == 0);
}

TEST_CASE(
    "random numbers and wide transforms, in 66 KB of shared memory: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  quantizer const rotated{scaling::amax<>{}, rounding::nearest_even{},
                          transform::random_hadamard<128>{}};
  quantizer const stochastic{by_row{}, rounding::stochastic<>{{7, 8}},
                             transform::random_hadamard<128>{}};
  CHECK(over_shapes(rotated, stochastic) == 0);
}

// bugs: E9
TEST_CASE("codes that begin on an odd byte are the same codes") {
  if (!fixture::has_device()) return;
  auto const host = quantized(fixture::filled(70, 90, 6).view(), tiles{});
  quantized_matrix<nvfp4_block, tiled> expected(shape_for<rows_of, tiled>(70, 90));
  requantize(host.view(), tiles{}, expected.view(), rows_of{});
  fixture::guarded_matrix<nvfp4_block> in(host);
  fixture::guarded_matrix<nvfp4_block, tiled> out(expected.shape());
  fixture::guarded_bytes odd_in(host.code_bytes().size() + 1),
      odd_out(expected.code_bytes().size() + 1);
  std::vector<std::uint8_t> shifted{0x55};
  shifted.insert(shifted.end(), host.code_bytes().begin(), host.code_bytes().end());
  odd_in.upload(shifted.data(), shifted.size());
  auto const from = *make_quantized_view<nvfp4_block>(odd_in.as<std::uint8_t>().subspan(1),
                                                      in.scales.as<fp8_e4m3>(), in.amax.as<float>(),
                                                      host.shape());
  auto const to = *make_quantized_view<nvfp4_block, tiled>(odd_out.as<std::uint8_t>().subspan(1),
                                                           out.scales.as<fp8_e4m3>(),
                                                           out.amax.as<float>(), expected.shape());
  CHECK(device::requantize(fixture::default_stream, from, tiles{}, to, rows_of{}) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(odd_out.guards_hold());
  auto const got = odd_out.inside();
  CHECK(got[0] == fixture::guarded_bytes::poison);
  CHECK(std::vector<std::uint8_t>(got.begin() + 1, got.end()) == expected.code_bytes());
}

TEST_CASE("another shape is a status, and nothing is written") {
  if (!fixture::has_device()) return;
  fixture::guarded_matrix<nvfp4_block> in(quantized(fixture::filled(32, 64).view(), rows_of{}));
  fixture::guarded_matrix<nvfp4_block> out(shape_for<rows_of>(32, 64));
  CHECK(device::requantize(fixture::default_stream, in.view(), rows_of{}, out.view(), rows_of{},
                           orientation::transposed) == device::status::shape_mismatch);
  using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::hadamard<128>>;
  fixture::guarded_matrix<nvfp4_block> rotated(
      quantized(fixture::filled(32, 128).view(), wide{}));
  CHECK(device::requantize(fixture::default_stream, *part(rotated.view(), 0, 0, 32, 64), wide{},
                           out.view(), rows_of{}) == device::status::shape_mismatch);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(out.is_untouched());
}
