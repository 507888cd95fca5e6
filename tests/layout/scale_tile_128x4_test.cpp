// SPDX-License-Identifier: Apache-2.0
// The 128x4 layout against published offsets, an independent reading of it, and at huge extents.
#include <nibble/layout/scale_tile_128x4.hpp>

#include <doctest/doctest.h>

#include <array>
#include <vector>

namespace {

using extents = cuda::std::dextents<std::int64_t, 2>;
using mapping = nibble::layout::scale_tile_128x4::mapping<extents>;

constexpr mapping twelve_columns{extents(256, 12)};
static_assert(twelve_columns(0, 0) == 0 && twelve_columns(0, 3) == 3 && twelve_columns(0, 4) == 512);
static_assert(twelve_columns(1, 0) == 16 && twelve_columns(31, 0) == 496);
static_assert(twelve_columns(32, 0) == 4 && twelve_columns(33, 2) == 22);
static_assert(twelve_columns(127, 3) == 511 && twelve_columns(128, 0) == 1536);
static_assert(twelve_columns(130, 9) == 2593);

// 2^40 scales and beyond, without memory: no step of the arithmetic may be 32 bits wide.
constexpr std::int64_t many = std::int64_t{1} << 33;
constexpr mapping huge{extents(many, 128)};
static_assert(huge.required_span_size() == std::int64_t{1} << 40);
static_assert(huge(many - 1, 127) == (std::int64_t{1} << 40) - 1);
static_assert(huge(many / 2, 0) == std::int64_t{1} << 39);
constexpr mapping wide{extents(1, many)};
static_assert(wide.required_span_size() == 128 * many && wide(0, many - 1) == 128 * many - 512 + 3);
static_assert(mapping{extents(0, 0)}.required_span_size() == 0);
static_assert(mapping{extents(1, 1)}.required_span_size() == 512);
static_assert(mapping{extents(129, 5)}.required_span_size() == 4 * 512);

static_assert(mapping::is_always_unique() && !mapping::is_always_strided());
static_assert(mapping{extents(128, 4)}.is_exhaustive() && !mapping{extents(127, 4)}.is_exhaustive());
static_assert(mapping{extents(3, 4)} == mapping{extents(3, 4)});
static_assert(!(mapping{extents(3, 4)} == mapping{extents(4, 4)}));

/// Storage as a reshape and a permutation: tile row, tile column, row % 32, row / 32 % 4, column % 4.
struct place {
  std::int64_t row, column;
};
place inverse(std::int64_t offset, std::int64_t columns) {
  std::int64_t const tiles = (columns + 3) / 4;
  std::int64_t const tile = offset / 512, inside = offset % 512;
  return {tile / tiles * 128 + inside % 16 / 4 * 32 + inside / 16, tile % tiles * 4 + inside % 4};
}

}  // namespace

// bugs: D5 D7
TEST_CASE("every offset of the storage belongs to one place, and padding included all are used") {
  for (auto const& [rows, columns] : {std::array<std::int64_t, 2>{1, 1}, {127, 3}, {128, 4}, {129, 5},
                                      {300, 17}, {128, 40}, {513, 1}}) {
    mapping const m(extents(rows, columns));
    std::vector<int> hits(static_cast<std::size_t>(m.required_span_size()));
    std::int64_t const padded_rows = (rows + 127) / 128 * 128, padded_columns = (columns + 3) / 4 * 4;
    int wrong = 0;
    for (std::int64_t r = 0; r < padded_rows; ++r) {
      for (std::int64_t c = 0; c < padded_columns; ++c) {
        std::int64_t const offset = m(r, c);
        ++hits.at(static_cast<std::size_t>(offset));
        place const back = inverse(offset, columns);
        wrong += back.row == r && back.column == c ? 0 : 1;
      }
    }
    CHECK(wrong == 0);
    int missed = 0;
    for (int const count : hits) {
      missed += count == 1 ? 0 : 1;
    }
    CHECK(missed == 0);
  }
}

TEST_CASE("a part keeps its places in the storage of the whole") {
  mapping const whole(extents(300, 20));
  mapping const part = whole.part(70, 6, extents(200, 9));
  CHECK(part.required_span_size() == whole.required_span_size());
  CHECK(!part.is_exhaustive());
  int wrong = 0;
  for (int r = 0; r < 200; ++r) {
    for (int c = 0; c < 9; ++c) {
      wrong += part(r, c) == whole(70 + r, 6 + c) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
  mapping const inner = part.part(5, 2, extents(3, 3));
  CHECK(inner(2, 1) == whole(77, 9));
  CHECK(!(part == whole));
}

TEST_CASE("what a mapping says of itself: whole, exhaustive, unique, strided, equal") {
  constexpr mapping whole(extents(256, 8));
  constexpr extents same(256, 8);
  static_assert(whole.is_whole() && whole.is_exhaustive() && whole == mapping(same));
  static_assert(!mapping(extents(255, 8)).is_exhaustive() && !mapping(extents(256, 7)).is_exhaustive());
  static_assert(mapping(extents(255, 7)).is_whole());
  static_assert(mapping::is_always_unique() && whole.is_unique());
  static_assert(!mapping::is_always_strided() && !whole.is_strided());
  static_assert(!mapping::is_always_exhaustive());
  for (std::int64_t const rows : {255, 256}) {
    for (std::int64_t const columns : {7, 8}) {
      mapping const m(extents(rows, columns));
      CHECK((m.is_whole() && m.is_unique() && !m.is_strided()));
      CHECK((mapping::is_always_unique() && !mapping::is_always_strided() && !mapping::is_always_exhaustive()));
      CHECK(m.is_exhaustive() == (rows == 256 && columns == 8));
    }
  }
  // Each way of being a part and no whole; the first has the extents of the whole.
  for (mapping const& part : {whole.part(1, 0, same), whole.part(0, 1, same),
                              whole.part(0, 0, extents(255, 8)), whole.part(0, 0, extents(256, 7))}) {
    CHECK_FALSE(part.is_whole());
    CHECK(part != whole);
  }
  CHECK_FALSE(whole.part(0, 0, extents(128, 8)).is_exhaustive());
  CHECK_FALSE(whole.part(0, 0, extents(256, 4)).is_exhaustive());
  CHECK(mapping(extents(256, 8)).part(0, 0, extents(128, 4)) !=
        mapping(extents(128, 8)).part(0, 0, extents(128, 4)));
  CHECK(mapping(extents(256, 8)).part(0, 0, extents(128, 4)) !=
        mapping(extents(256, 4)).part(0, 0, extents(128, 4)));
  CHECK(whole.part(3, 5, extents(2, 2)) == whole.part(3, 5, extents(2, 2)));
}
