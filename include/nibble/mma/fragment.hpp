// SPDX-License-Identifier: Apache-2.0
// Which element of a matrix lies in which register of which lane: the layouts of mma.sync as maps.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::mma {

/// How many lanes share an operand.
inline constexpr int warp_size = 32;

/// One lane's share of A (16 rows): four words of elements, and the scales of one row.
struct a_fragment {
  std::uint32_t words[4];
  std::uint32_t scales;
};

/// One lane's share of B (8 columns): two words of elements, and the scales of one column.
struct b_fragment {
  std::uint32_t words[2];
  std::uint32_t scales;
};

/// One lane's share of D (16 x 8).
struct sum_fragment {
  float values[4];
};

/// Which lanes' words of scales count, and, where a scale serves 32 elements, which of their bytes.
/// Words for later steps may so lie in the other lanes of a quad. (A type, because nvcc 13.0 cannot
/// launch kernels whose template arguments are objects.)
///
/// shape   LaneA: 0 or 1, for lanes 0, 1 or lanes 2, 3 of each quad; LaneB: 0 to 3, the lane of each
///         quad; ByteA, ByteB: the first byte, 0 or 2 where an instruction takes two, 0 to 3 where
///         it takes one.
template <int LaneA = 0, int LaneB = 0, int ByteA = 0, int ByteB = 0>
struct selector {
  static_assert(LaneA >= 0 && LaneA < 2 && LaneB >= 0 && LaneB < 4,
                "got a lane that is not there; LaneA is 0 or 1, LaneB 0 to 3");
  static_assert(ByteA >= 0 && ByteA < 4 && ByteB >= 0 && ByteB < 4,
                "got a byte that is not there; a word has bytes 0 to 3");
  static constexpr int lane_a = LaneA, lane_b = LaneB, byte_a = ByteA, byte_b = ByteB;
  /// Can an instruction that takes `Count` scales of a word begin there?
  template <int Count>
  static constexpr bool is_for = ByteA % Count == 0 && ByteB % Count == 0;
};

/// A register's part: element `element` (from the low bits up) of word `word` in lane `lane`.
struct place {
  int lane, word, element;
  NIBBLE_HD friend constexpr bool operator==(place const& a, place const& b) noexcept {
    return a.lane == b.lane && a.word == b.word && a.element == b.element;
  }
};

/// An element of an operand: its row of A or column of B, and its index along the sum.
struct operand_index {
  int outer, k;
  NIBBLE_HD friend constexpr bool operator==(operand_index const& a,
                                             operand_index const& b) noexcept {
    return a.outer == b.outer && a.k == b.k;
  }
};

/// The layout of m16n8kK for elements of Bits bits: K = 64 for 4, 32 for 8, 16 for 16.
///
/// rule    with g = lane / 4 and t = lane % 4, a word holds P = 32 / Bits elements, and
///         A: row g + 8 (word % 2), k = P t + element + 4 P (word / 2);
///         B: column g, k = P t + element + 4 P word.
/// source  PTX ISA 9.0, "Matrix Fragments for mma.m16n8k64 / k32 / k16".
template <int Bits>
struct fragments {
  static constexpr int per_word = 32 / Bits;
  static constexpr int rows = 16, columns = 8, depth = 8 * per_word;

  [[nodiscard]] NIBBLE_HD static constexpr operand_index a(place p) noexcept {
    return {p.lane / 4 + 8 * (p.word % 2),
            per_word * (p.lane % 4) + p.element + 4 * per_word * (p.word / 2)};
  }
  [[nodiscard]] NIBBLE_HD static constexpr operand_index b(place p) noexcept {
    return {p.lane / 4, per_word * (p.lane % 4) + p.element + 4 * per_word * p.word};
  }
  [[nodiscard]] NIBBLE_HD static constexpr place place_of_a(operand_index i) noexcept {
    return {4 * (i.outer % 8) + i.k % (4 * per_word) / per_word,
            i.outer / 8 + 2 * (i.k / (4 * per_word)), i.k % per_word};
  }
  [[nodiscard]] NIBBLE_HD static constexpr place place_of_b(operand_index i) noexcept {
    return {4 * i.outer + i.k % (4 * per_word) / per_word, i.k / (4 * per_word), i.k % per_word};
  }
};

/// An element of D.
struct sum_index {
  int row, column;
};

/// The element of D that value `i` of a lane's sum_fragment is.
[[nodiscard]] NIBBLE_HD constexpr sum_index sum_element(int lane, int i) noexcept {
  return {lane / 4 + 8 * (i / 2), 2 * (lane % 4) + i % 2};
}
/// And back: .lane, and .word for the value.
[[nodiscard]] NIBBLE_HD constexpr place place_of_sum(sum_index s) noexcept {
  return {4 * (s.row % 8) + s.column / 2, 2 * (s.row / 8) + s.column % 2, 0};
}

/// The row whose scales lane `lane` holds, if all words are loaded so that any selector reads them.
[[nodiscard]] NIBBLE_HD constexpr int scale_row(int lane) noexcept {
  return lane / 4 + 8 * (lane % 2);
}
/// The same for B.
[[nodiscard]] NIBBLE_HD constexpr int scale_column(int lane) noexcept { return lane / 4; }

/// The lane whose word the scales of a row of A are taken from.
[[nodiscard]] NIBBLE_HD constexpr int scale_lane_of_row(int row, int lane_a) noexcept {
  return 4 * (row % 8) + 2 * lane_a + row / 8;
}
/// The same for a column of B.
[[nodiscard]] NIBBLE_HD constexpr int scale_lane_of_column(int column, int lane_b) noexcept {
  return 4 * column + lane_b;
}

}  // namespace nibble::mma
