// SPDX-License-Identifier: Apache-2.0
// Fragments loaded from a view against the elements and scales that the layout names.
#pragma once

#include <nibble/mma/fragment.hpp>
#include <nibble/view.hpp>

namespace fixture {

/// What one lane's fragments of elements of Width bits, loaded at (row, column), hold that is not the
/// view's: code_at(r, c) in words, and scales. Zeros are expected beyond the edges.
template <int Width, class View, class CodeAt>
__device__ int wrong_in_lane(nibble::mma::a_fragment const& a, nibble::mma::b_fragment const& b,
                             View const& view, nibble::matrix_index row,
                             nibble::matrix_index column, CodeAt const& code_at) {
  using nibble::matrix_index;
  constexpr std::uint32_t mask = (1u << Width) - 1;
  int const lane = static_cast<int>(threadIdx.x);
  int wrong = 0;
  auto const code = [&](nibble::mma::operand_index at) -> std::uint32_t {
    matrix_index const r = row + at.outer, c = column + at.k;
    return r < view.rows() && c < view.columns() ? code_at(r, c) : 0u;
  };
  using fragments = nibble::mma::fragments<Width>;
  for (int word = 0; word < 4; ++word) {
    for (int i = 0; i < 32 / Width; ++i) {
      wrong += (a.words[word] >> (Width * i) & mask) != code(fragments::a({lane, word, i}));
      if (word < 2) {
        wrong += (b.words[word] >> (Width * i) & mask) != code(fragments::b({lane, word, i}));
      }
    }
  }
  constexpr matrix_index size = View::block_type::size;
  auto const scale = [&](matrix_index r, matrix_index block) -> std::uint32_t {
    return r < view.rows() && block * size < view.columns() ? view.scale(r, block).bits() : 0u;
  };
  for (int byte = 0; byte < 4; ++byte) {
    matrix_index const block = column / size + byte;
    wrong += (a.scales >> (8 * byte) & 255u) != scale(row + lane / 4 + 8 * (lane % 2), block);
    wrong += (b.scales >> (8 * byte) & 255u) != scale(row + lane / 4, block);
  }
  return wrong;
}

}  // namespace fixture
