// SPDX-License-Identifier: Apache-2.0
// Operands of the atom for tests: matrices of codes and scales, and the fragments made of them.
#pragma once

#include <cstdint>
#include <cstring>

#include <nibble/mma/fragment.hpp>

#include "oracle/blocks.hpp"

namespace fixture {

/// A (16 x 64) and B^T (8 x 64) as codes with a scale byte for each `size` of them, and D.
struct warp_matrices {
  std::uint8_t a[16][64] = {}, b[8][64] = {};
  std::uint8_t scale_a[16][4] = {}, scale_b[8][4] = {};  // bytes as the atom's words hold them
  float d[16][8] = {};
};

/// One warp's fragments.
struct warp_fragments {
  nibble::mma::a_fragment a[32] = {};
  nibble::mma::b_fragment b[32] = {};
  nibble::mma::sum_fragment d[32] = {};
};

/// Fragments by the written formulas of the instruction, not by the maps of mma/fragment.hpp. Lanes
/// whose scales the selector does not name get poison.
inline warp_fragments fragments_of(warp_matrices const& m, int lane_a = 0, int lane_b = 0) {
  warp_fragments result;
  for (int lane = 0; lane < 32; ++lane) {
    int const g = lane >> 2, t = lane & 3;
    for (int r = 0; r < 4; ++r) {
      for (int j = 0; j < 8; ++j) {
        result.a[lane].words[r] |= std::uint32_t{m.a[g + 8 * (r & 1)][8 * t + j + 32 * (r >> 1)]}
                                   << (4 * j);
        if (r < 2) result.b[lane].words[r] |= std::uint32_t{m.b[g][8 * t + j + 32 * r]} << (4 * j);
      }
      result.d[lane].values[r] = m.d[g + 8 * (r >> 1)][2 * t + (r & 1)];
    }
    bool const counts_a = t >> 1 == lane_a, counts_b = t == lane_b;
    for (int byte = 0; byte < 4; ++byte) {
      result.a[lane].scales |= std::uint32_t{counts_a ? m.scale_a[g + 8 * (t & 1)][byte] : 0x7Fu}
                               << (8 * byte);
      result.b[lane].scales |= std::uint32_t{counts_b ? m.scale_b[g][byte] : 0x7Fu} << (8 * byte);
    }
  }
  return result;
}

/// A (16 x 32) and B^T (8 x 32) of the atom m16n8k32: a byte an element, as its words hold them.
struct warp_bytes {
  std::uint8_t a[16][32] = {}, b[8][32] = {};
  std::uint8_t scale_a[16][4] = {}, scale_b[8][4] = {};
  float d[16][8] = {};
};

/// Its fragments by the written formulas. Scales that the selector does not name are NaN.
inline warp_fragments fragments_of(warp_bytes const& m, int lane_a = 0, int lane_b = 0) {
  warp_fragments result;
  for (int lane = 0; lane < 32; ++lane) {
    int const g = lane >> 2, t = lane & 3;
    for (int i = 0; i < 16; ++i) {
      int const row = i < 4 || (i >= 8 && i < 12) ? g : g + 8, k = 4 * t + (i & 3) + (i < 8 ? 0 : 16);
      result.a[lane].words[i / 4] |= std::uint32_t{m.a[row][k]} << (8 * (i & 3));
      if (i < 8) {
        result.b[lane].words[i / 4] |= std::uint32_t{m.b[g][4 * t + (i & 3) + (i < 4 ? 0 : 16)]} << (8 * (i & 3));
      }
      if (i < 4) result.d[lane].values[i] = m.d[i < 2 ? g : g + 8][2 * t + (i & 1)];
    }
    bool const counts_a = t >> 1 == lane_a, counts_b = t == lane_b;
    for (int byte = 0; byte < 4; ++byte) {
      result.a[lane].scales |= std::uint32_t{counts_a ? m.scale_a[g + 8 * (t & 1)][byte] : 0xFFu} << (8 * byte);
      result.b[lane].scales |= std::uint32_t{counts_b ? m.scale_b[g][byte] : 0xFFu} << (8 * byte);
    }
  }
  return result;
}

/// The same byte in every scale.
template <class Matrices>
void fill_scales(Matrices& m, std::uint8_t byte) {
  std::memset(m.scale_a, byte, sizeof(m.scale_a));
  std::memset(m.scale_b, byte, sizeof(m.scale_b));
}

/// D out of its fragments, by the same formulas.
inline void take_sums(nibble::mma::sum_fragment const (&d)[32], float (&to)[16][8]) {
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      to[(lane >> 2) + 8 * (i >> 1)][2 * (lane & 3) + (i & 1)] = d[lane].values[i];
    }
  }
}

/// Random codes, and scale bytes from `lowest` to `highest`.
inline warp_matrices random_matrices(std::uint64_t seed, unsigned lowest, unsigned highest) {
  oracle::bit_source random(seed);
  warp_matrices m;
  auto const scale = [&] {
    return static_cast<std::uint8_t>(lowest + random.below(highest - lowest + 1));
  };
  for (auto& row : m.a) {
    for (auto& code : row) code = static_cast<std::uint8_t>(random.below(16));
  }
  for (auto& row : m.b) {
    for (auto& code : row) code = static_cast<std::uint8_t>(random.below(16));
  }
  for (auto& row : m.scale_a) {
    for (auto& byte : row) byte = scale();
  }
  for (auto& row : m.scale_b) {
    for (auto& byte : row) byte = scale();
  }
  return m;
}

}  // namespace fixture
