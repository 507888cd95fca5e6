// SPDX-License-Identifier: Apache-2.0
// Operands for the product of a warp, drawn so that sums are exact.
#pragma once

#include <vector>

#include "check.cuh"
#include "nibble/mma/bytes.hpp"
#include "nibble/nibble.hpp"

namespace self_test {

namespace mma = nibble::mma;

/// A warp's fragments; lanes whose scales a selector does not name hold others.
struct warp_operands {
  mma::a_fragment a[32];
  mma::b_fragment b[32];
  mma::sum_fragment d[32];
};

/// Bytes of a format of scales: 1, how far 2 and 1/2 are from it, and NaN.
struct scale_bytes {
  std::uint32_t one, step, nan;
};
constexpr scale_bytes e4m3_scales{0x38, 8, 0x7F}, e8m0_scales{127, 1, 0xFF};

/// Scales of 1/2, 1 and 2, and whole numbers to add to: with few bits in the elements, sums fit 24.
inline void draw_rest(warp_operands& w, words& word, scale_bytes const& of) {
  auto const scales = [&] {
    std::uint32_t packed = 0;
    for (int i = 0; i < 4; ++i) packed |= (of.one - of.step + word() % 3 * of.step) << (8 * i);
    return packed;
  };
  for (int lane = 0; lane < 32; ++lane) {
    w.a[lane].scales = scales();
    w.b[lane].scales = scales();
    for (float& sum : w.d[lane].values) sum = static_cast<float>(word() % 64);
  }
}

/// Codes of every kind.
inline std::vector<warp_operands> any_nibbles(scale_bytes const& scales, std::size_t count) {
  std::vector<warp_operands> warps(count);
  words word;
  for (warp_operands& w : warps) {
    for (int lane = 0; lane < 32; ++lane) {
      for (std::uint32_t& codes : w.a[lane].words) codes = word();
      for (std::uint32_t& codes : w.b[lane].words) codes = word();
    }
    draw_rest(w, word, scales);
  }
  return warps;
}

/// Elements of Block that e2m1 has too, four to a word.
template <class Block>
std::uint32_t small_elements(words& word) {
  using element = typename Block::element_type;
  std::uint32_t packed = 0;
  for (int i = 0; i < 4; ++i) {
    auto const value = static_cast<float>(nibble::fp4_e2m1::from_bits(word() & 15u));
    packed |= mma::byte_of<element>::from(element(value)) << (8 * i);
  }
  return packed;
}

/// One finite element of any size in each row of A and column of B, all at the same k, the others 0:
/// each sum is one product, and every byte of a word has its turn.
template <class Block, class Fragment, std::size_t Words>
void fill_one(Fragment (&lanes)[32], std::uint32_t (Fragment::*words_of)[Words], std::size_t warp,
              words& word) {
  using element = typename Block::element_type;
  std::size_t const per_lane = Words == 4 ? 2 : 1;  // two rows of A, one column of B
  std::size_t const k = warp % 32, quad = k % 16 / 4, half = k / 16;
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if (lane % 4 != quad) continue;
    for (std::size_t row = 0; row < per_lane; ++row) {
      std::uint32_t code = 0;
      do {
        code = word() & element::format.mask();
      } while ((code & element::format.magnitude_mask()) >= element::format.first_special());
      (lanes[lane].*words_of)[per_lane * half + row] =
          mma::byte_of<element>::from(element::from_bits(code)) << (8 * (k % 4));
    }
  }
}

}  // namespace self_test
