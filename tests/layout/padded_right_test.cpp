// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <vector>

#include <nibble/layout/padded_right.hpp>
#include <nibble/quantize.hpp>

#include "support/matrices.hpp"

namespace {
using layout = nibble::layout::padded_right<128, 4>;
using mapping = layout::mapping<nibble::matrix_extents>;
}  // namespace

TEST_CASE("rows are padded to a multiple of 4 and their number to one of 128") {
  constexpr mapping m(nibble::matrix_extents(130, 5));
  static_assert(m(0, 4) == 4 && m(1, 0) == 8 && m(129, 4) == 129 * 8 + 4);
  static_assert(m.required_span_size() == 256 * 8);
  static_assert(m.stride(0) == 8 && m.stride(1) == 1 && !m.is_exhaustive());
  static_assert(mapping(nibble::matrix_extents(128, 4)).is_exhaustive());
  static_assert(mapping(nibble::matrix_extents(0, 0)).required_span_size() == 0);
  CHECK(m == mapping(nibble::matrix_extents(130, 5)));
  CHECK(m != mapping(nibble::matrix_extents(130, 6)));
  // Whole rows without whole tiles of rows, and the other way round, leave something over.
  static_assert(!mapping(nibble::matrix_extents(130, 4)).is_exhaustive());
  static_assert(!mapping(nibble::matrix_extents(128, 5)).is_exhaustive());
  static_assert(mapping::is_always_unique() && m.is_unique());
  static_assert(mapping::is_always_strided() && m.is_strided() && m.is_whole());
  static_assert(!mapping::is_always_exhaustive());
}

TEST_CASE("what a mapping says of itself at run time: strides, unique, strided, exhaustive") {
  for (std::int64_t const rows : {127, 128}) {
    for (std::int64_t const columns : {3, 4}) {
      mapping const m(nibble::matrix_extents(rows, columns));
      CHECK(m.stride(0) == 4);
      CHECK(m.stride(1) == 1);
      CHECK((mapping::is_always_unique() && m.is_unique()));
      CHECK((mapping::is_always_strided() && m.is_strided()));
      CHECK_FALSE(mapping::is_always_exhaustive());
      CHECK(m.is_exhaustive() == (rows == 128 && columns == 4));
    }
  }
}

TEST_CASE("quantize writes zeros to the padding that TransformerEngine leaves open") {
  using q = nibble::quantizer<>;
  nibble::quantized_by<q, layout> out(nibble::shape_for<q, layout>(3, 48));
  for (auto& scale : const_cast<std::vector<nibble::fp8_e4m3>&>(out.scales())) {
    scale = nibble::fp8_e4m3::from_bits(0x7F);
  }
  nibble::quantize(fixture::filled(3, 48).view(), out.view(), q{});
  int wrong = 0;
  for (std::size_t i = 0; i < out.scales().size(); ++i) {
    bool const is_padding = i / 4 >= 3 || i % 4 == 3;
    wrong += is_padding ? out.scales()[i].bits() != 0 : out.scales()[i].bits() == 0x7F;
  }
  CHECK(wrong == 0);
  CHECK(out.scales().size() == 512);
}
