// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/quantize.hpp>
#include <nibble/tensor_scale/none.hpp>
#include <nibble/transpose.hpp>

#include "support/matrices.hpp"

namespace {
using tiles = nibble::quantizer<nibble::nvfp4_block,
                                nibble::scaling::amax<nibble::scaling::tile::square>>;
using wide_tiles =
    nibble::quantizer<nibble::fp8_block, nibble::scaling::amax<nibble::scaling::tile::square,
                                                               nibble::tensor_scale::none>>;

template <class Quantizer>
void transposing_equals_quantizing_the_transpose(nibble::matrix_index rows,
                                                 nibble::matrix_index columns) {
  auto const values = fixture::filled(rows, columns, 5);
  auto const forward = nibble::quantized(values.view(), Quantizer{});
  auto const moved = nibble::transpose_tiles<Quantizer>(forward.view());
  auto const direct = nibble::quantized(nibble::transposed(values.view()), Quantizer{});
  CHECK(moved.code_bytes() == direct.code_bytes());
  CHECK(moved.amax() == direct.amax());
  int differences = 0;
  for (std::size_t i = 0; i < moved.scales().size(); ++i) {
    differences += !(moved.scales()[i] == direct.scales()[i]);
  }
  CHECK(differences == 0);
  CHECK(moved.shape().rows == columns);
}
}  // namespace

TEST_CASE("W and its transpose in square tiles are the same numbers, ragged edges included") {
  transposing_equals_quantizing_the_transpose<tiles>(64, 48);
  transposing_equals_quantizing_the_transpose<tiles>(33, 70);
  transposing_equals_quantizing_the_transpose<tiles>(1, 17);
  transposing_equals_quantizing_the_transpose<wide_tiles>(130, 200);
}
