// SPDX-License-Identifier: Apache-2.0
// Blocks made on the device that sit where wrong formulas show, by the billion.
#pragma once

#include <nibble/nibble.hpp>

namespace fixture {

/// Blocks of 16 of four kinds in turn: a largest value, and values that its scale puts at a tie between
/// two codes or next to one; small whole numbers, of which sums and differences tie; many magnitudes; and
/// bit patterns of every kind. `along` is how many elements apart the values of a block lie.
static __global__ void fill_blocks(nibble::bf16* values, nibble::matrix_index rows,
                                   nibble::matrix_index columns, float amax, std::uint64_t seed,
                                   bool is_down) {
  using namespace nibble;
  using q = quantizer<>;
  random::philox4x32<7> const source{seed, 0};
  auto const factors = q::prepare({amax});
  matrix_index const blocks = rows * columns / 16, step = is_down ? columns : 1;
  for (matrix_index b = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       b < blocks; b += static_cast<matrix_index>(gridDim.x) * blockDim.x) {
    matrix_index const first = is_down ? b / columns * 16 * columns + b % columns : b * 16;
    std::uint32_t bits[16];
    for (int i = 0; i < 4; ++i) {
      auto const words = source(static_cast<std::uint64_t>(4 * b + i));
      for (int j = 0; j < 4; ++j) bits[4 * i + j] = words.value[j];
    }
    auto const uniform = [&](int i) {  // [-1, 1)
      return static_cast<float>(static_cast<int>(bits[i])) * 0x1p-31f;
    };
    bf16 made[16];
    int const kind = static_cast<int>(b % 8);
    if (kind < 5) {
      float const largest =
          static_cast<float>(bf16(amax * uniform(0) * exp2f(-static_cast<float>(bits[0] & 15u))));
      auto const chosen = q::scaling_type::choose_for<nvfp4_block>(fabsf(largest), factors);
      float const ties[8] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f, 6.0f};
      for (int i = 0; i < 16; ++i) {
        float const tie = ties[bits[i] & 7u] / chosen.encode;
        auto const near = static_cast<std::uint16_t>(bf16(tie).bits() + (bits[i] >> 3 & 3u) - 1);
        made[i] = bf16::from_bits(static_cast<std::uint16_t>(near ^ (bits[i] >> 5 & 1u) << 15));
      }
      made[bits[1] >> 28] = bf16(largest);
    } else if (kind == 5) {
      for (int i = 0; i < 16; ++i) {
        made[i] = bf16(static_cast<float>(static_cast<int>(bits[i] % 33u) - 16) * amax * 0x1p-8f);
      }
    } else if (kind == 6) {
      for (int i = 0; i < 16; ++i) {
        made[i] = bf16(amax * uniform(i) * exp2f(-static_cast<float>(bits[i] & 31u)));
      }
    } else {
      for (int i = 0; i < 16; ++i) {
        auto const any = static_cast<std::uint16_t>(bits[i]);
        // Few NaNs and infinities, or every block would be of the rare kind.
        bool const is_rare = (any & 0x7F80u) == 0x7F80u && bits[i] >> 16 & 7u;
        made[i] = bf16::from_bits(static_cast<std::uint16_t>(is_rare ? any & 0xBFFFu : any));
      }
    }
    for (int i = 0; i < 16; ++i) values[first + i * step] = made[i];
  }
}

}  // namespace fixture
