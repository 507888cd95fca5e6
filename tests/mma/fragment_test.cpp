// SPDX-License-Identifier: Apache-2.0
// The maps are one-to-one and onto, and agree with the documented examples of single elements.
#include <doctest/doctest.h>

#include <set>
#include <utility>

#include <nibble/mma/fragment.hpp>

using namespace nibble::mma;

namespace {

/// Every place of an operand maps to an element of its own, and back.
template <int Bits, int Words, class Element, class Place>
bool is_bijection(int outer, Element element, Place place_of) {
  using layout = fragments<Bits>;
  std::set<std::pair<int, int>> seen;
  for (int lane = 0; lane < warp_size; ++lane) {
    for (int word = 0; word < Words; ++word) {
      for (int i = 0; i < layout::per_word; ++i) {
        operand_index const at = element(place{lane, word, i});
        if (at.outer < 0 || at.outer >= outer || at.k < 0 || at.k >= layout::depth) return false;
        if (!seen.insert({at.outer, at.k}).second) return false;
        if (!(place_of(at) == place{lane, word, i})) return false;
      }
    }
  }
  return seen.size() == static_cast<std::size_t>(outer * layout::depth);
}

template <int Bits>
void check_both() {
  using layout = fragments<Bits>;
  CHECK(is_bijection<Bits, 4>(16, layout::a, layout::place_of_a));
  CHECK(is_bijection<Bits, 2>(8, layout::b, layout::place_of_b));
}

}  // namespace

TEST_CASE("every element of A and B lies in one place, for 4, 8 and 16 bits") {
  check_both<4>();
  check_both<8>();
  check_both<16>();
  static_assert(fragments<4>::depth == 64 && fragments<8>::depth == 32 && fragments<16>::depth == 16);
}

TEST_CASE("single elements lie where the tables of the instruction set have them") {
  // m16n8k64, lane 6 (group 1, thread 2): a1 is row 9 from k = 16 on, a2 row 1 from k = 48 on.
  CHECK(fragments<4>::a({6, 1, 0}) == operand_index{9, 16});
  CHECK(fragments<4>::a({6, 2, 7}) == operand_index{1, 55});
  CHECK(fragments<4>::b({31, 1, 0}) == operand_index{7, 56});
  // m16n8k16: (groupID, threadID * 2 + (i & 1) + 8 where i >= 4), and + 8 rows for i = 2, 3, 6, 7.
  for (int i = 0; i < 8; ++i) {
    int const row = 5 + (i % 4 >= 2 ? 8 : 0), k = 3 * 2 + (i & 1) + (i >= 4 ? 8 : 0);
    CHECK(fragments<16>::a({5 * 4 + 3, i / 2, i % 2}) == operand_index{row, k});
  }
}

TEST_CASE("a word of two elements a byte and a word of bytes are the same bytes of a row") {
  for (int lane = 0; lane < warp_size; ++lane) {
    for (int word = 0; word < 4; ++word) {
      operand_index const nibbles = fragments<4>::a({lane, word, 0}), bytes = fragments<8>::a({lane, word, 0});
      CHECK(operand_index{nibbles.outer, nibbles.k / 2} == bytes);
      if (word < 2) CHECK(fragments<4>::b({lane, word, 0}).k / 2 == fragments<8>::b({lane, word, 0}).k);
    }
  }
}

TEST_CASE("every sum lies in one place") {
  std::set<std::pair<int, int>> seen;
  for (int lane = 0; lane < warp_size; ++lane) {
    for (int i = 0; i < 4; ++i) {
      sum_index const at = sum_element(lane, i);
      CHECK(seen.insert({at.row, at.column}).second);
      CHECK(place_of_sum(at) == place{lane, i, 0});
    }
  }
  CHECK(seen.size() == 16 * 8);
}

TEST_CASE("whatever the selector, the lane it names holds the row's and the column's scales") {
  for (int row = 0; row < 16; ++row) {
    for (int lane_a = 0; lane_a < 2; ++lane_a) {
      CHECK(scale_row(scale_lane_of_row(row, lane_a)) == row);
    }
  }
  for (int column = 0; column < 8; ++column) {
    for (int lane_b = 0; lane_b < 4; ++lane_b) {
      CHECK(scale_column(scale_lane_of_column(column, lane_b)) == column);
    }
  }
}
