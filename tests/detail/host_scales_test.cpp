// SPDX-License-Identifier: Apache-2.0
// Blocks under scales that were chosen many at once are the quantizer's own.
#include <nibble/detail/host_scales.hpp>

#include <doctest/doctest.h>

#include <cstring>

#include <nibble/dequantize.hpp>
#include <nibble/quantize.hpp>
#include <nibble/rounding/stochastic.hpp>
#include <nibble/scaling/four_over_six.hpp>

#include "support/matrices.hpp"

namespace {

/// Blocks of quantize that differ from those of the quantizer alone.
template <class Quantizer, class In>
int blocks_apart(In const& in, Quantizer const& q) {
  using namespace nibble;
  quantized_by<Quantizer> out(shape_for<Quantizer>(in.extent(0), in.extent(1)));
  quantize(in, out.view(), q, threads{1});
  auto const pitch = static_cast<std::uint64_t>(in.extent(1));
  int wrong = 0;
  for (matrix_index r = 0; r < in.extent(0); ++r) {
    for (matrix_index c = 0; c < in.extent(1); c += 16) {
      float values[16]{};
      for (matrix_index i = 0; i < 16 && c + i < in.extent(1); ++i) {
        values[i] = static_cast<float>(in(r, c + i));
      }
      position const at(static_cast<std::uint64_t>(r) * pitch + static_cast<std::uint64_t>(c), pitch);
      nvfp4_block const alone = q(values, Quantizer::prepare({out.amax()[0]}), at);
      nvfp4_block const found = nibble::detail::load_block(out.view().read_only(), r, c / 16);
      bool const is_same = std::memcmp(&alone, &found, sizeof alone) == 0;
      wrong += is_same ? 0 : 1;
    }
  }
  return wrong;
}

template <class Quantizer>
int all_shapes(Quantizer const& q) {
  int wrong = 0;
  for (nibble::matrix_index const columns : {1, 16, 127, 255, 256, 257, 520, 2048, 2100}) {
    for (nibble::matrix_index const rows : {1, 3, 130}) {
      auto const in = fixture::filled(rows, columns, static_cast<std::uint64_t>(columns));
      wrong += blocks_apart(in.view(), q);
      wrong += blocks_apart(nibble::transposed(in.view()), q);
    }
  }
  return wrong;
}

}  // namespace

// bugs: A6
TEST_CASE("scales chosen many at once are those of each block, at every edge") {
  using nibble::nvfp4_block;
  using nibble::quantizer;
  namespace scaling = nibble::scaling;
  CHECK(all_shapes(quantizer<nvfp4_block, scaling::four_over_six<>>{}) == 0);
  CHECK(all_shapes(quantizer<nvfp4_block, scaling::four_over_six<scaling::largest_error>>{}) == 0);
  CHECK(all_shapes(quantizer<nvfp4_block, scaling::four_over_six<>, nibble::rounding::stochastic<8>>{
            {}, {{5, 6}}}) == 0);
}
