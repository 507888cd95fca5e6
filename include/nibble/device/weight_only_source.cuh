// SPDX-License-Identifier: Apache-2.0
// How the kernel of weight_only.cuh comes by its operands: packed weights into registers ahead of
// their use, and x straight from memory; and both as the tensor cores want them.
#pragma once

#include "nibble/mma/load.cuh"
#include "nibble/mma/sixteen_bit.cuh"

namespace nibble::device::detail {

inline constexpr int few_slices = 8;  // of the columns, each with a sum of its own
inline constexpr int few_step = 128;  // columns a warp takes at once

/// Steps in each of the eight slices that the columns are cut into; the last ones may have fewer.
[[nodiscard]] NIBBLE_HD constexpr int few_per_slice(int columns) {
  return nibble::detail::ceil_div(nibble::detail::ceil_div(columns, few_step), few_slices);
}

/// What a lane holds of a step of 16 rows: 32 codes of rows lane / 4 and 8 further, from column
/// 32 (lane % 4) of the step on, and their scales: two of E4M3, or one of E8M0.
template <class Block>
struct few_weights {
  using scale_word = std::conditional_t<Block::size == 16, std::uint16_t, std::uint8_t>;
  std::uint32_t codes[2][4];
  scale_word scales[2];
};

/// Where the scales of a row lie, counted from its first.
template <class Block, class ScaleLayout>
struct few_scales {
  static constexpr bool is_tiled = std::is_same_v<ScaleLayout, layout::scale_tile_128x4>;
  /// Layouts whose scales lie together by fours; those of others are fetched one by one.
  static constexpr bool is_known = is_tiled ||
                                   std::is_same_v<ScaleLayout, ::cuda::std::layout_right> ||
                                   std::is_same_v<ScaleLayout, ::cuda::std::layout_stride>;
  static constexpr int per_step = few_step / Block::size, per_lane = 32 / Block::size;
  static constexpr int four = is_tiled ? 512 : 4;   // from four scales to the next four
  static constexpr int step = per_step / 4 * four;  // from those of a step to the next step's
  [[nodiscard]] __device__ __forceinline__ static int of_lane(int t) {
    return t * per_lane / 4 * four + t * per_lane % 4;
  }
};

/// Where a lane's weights lie. Rows past the end repeat the last one; nobody writes their sums.
template <class Block, class ScaleLayout>
struct few_source {
  using weights = few_weights<Block>;
  using scales_of = few_scales<Block, ScaleLayout>;
  std::uint8_t const* codes[2];
  std::uint8_t const* scales[2];

  /// shape   first_step: the step that fetch takes for ahead = 0.
  template <class W>
  __device__ __forceinline__ few_source(W const& w, matrix_index first_row,
                                        matrix_index first_step) {
    int const lane = static_cast<int>(threadIdx.x % 32), t = lane & 3;
    bool const is_square = w.rows_per_scale() > 1;  // a block's rows share a scale
    auto const* const all = reinterpret_cast<std::uint8_t const*>(w.scales.data_handle());
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      matrix_index const wanted = first_row + 8 * i + (lane >> 2);
      matrix_index const row = wanted < w.rows() ? wanted : w.rows() - 1;
      auto const of_block =
          static_cast<matrix_index>(static_cast<std::uint64_t>(row) / Block::size);
      codes[i] = w.codes.data_handle().bytes + row * (w.codes.stride(0) >> 1) +
                 first_step * (few_step / 2) + 16 * t;
      scales[i] = all + w.scales.mapping()(is_square ? of_block : row, 0) +
                  first_step * scales_of::step + scales_of::of_lane(t);
    }
  }

  /// The weights `ahead` steps further. Where this lane's columns are past the end the scales are the
  /// byte 0 and the codes those that `to` had, which count nothing: x is zero there.
  __device__ __forceinline__ void fetch([[maybe_unused]] weights& to, [[maybe_unused]] int ahead,
                                        [[maybe_unused]] bool is_there) const {
#if NIBBLE_HAS_MMA_F16
    if (!is_there) {
      to.scales[0] = to.scales[1] = 0;
      return;
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      arch::ptx::ld_global_nc_once_v4_u32(to.codes[i], codes[i] + ahead * (few_step / 2));
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      to.scales[i] = __ldg(reinterpret_cast<typename weights::scale_word const*>(
          scales[i] + ahead * scales_of::step));
    }
#endif
  }
  __device__ __forceinline__ void advance(int steps) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      codes[i] += steps * (few_step / 2);
      scales[i] += steps * scales_of::step;
    }
  }
};

/// The same by ordinary loads, for any alignment and any shape: the columns from `column` on, this
/// lane's first.
template <class Block, class W>
__device__ __forceinline__ void fetch_any(few_weights<Block>& to, W const& w,
                                          matrix_index first_row, matrix_index column) {
  int const lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = 0; i < 2; ++i) {
    matrix_index const row = first_row + 8 * i + lane / 4;
    for (int j = 0; j < 4; ++j) to.codes[i][j] = mma::load_codes(w, row, column + 8 * j);
    to.scales[i] = static_cast<typename few_weights<Block>::scale_word>(
        mma::load_scales(w, row, column / Block::size));
  }
}

/// The 32 codes of a lane's row as pairs of T, eight at a time, times their scales and 1 / undo.
template <class Block, class T>
struct few_decoder {
  static constexpr float undo = mma::undo_scaled<T>;
  std::uint32_t scales[2];

  __device__ __forceinline__ explicit few_decoder(std::uint16_t two) {
    mma::scale_pairs<T>(two, scales);
  }
  __device__ __forceinline__ void decode(std::uint32_t codes, int i,
                                         std::uint32_t (&pairs)[4]) const {
    mma::decode_scaled<T>(codes, scales[i / 2], pairs);
  }
};
template <>
struct few_decoder<mxfp4_block, bf16> {
  static constexpr float undo = 1.0f;
  std::uint32_t power;

  __device__ __forceinline__ explicit few_decoder(std::uint8_t scale)
      : power(mma::power_pair(scale)) {}
  __device__ __forceinline__ void decode(std::uint32_t codes, int,
                                         std::uint32_t (&pairs)[4]) const {
    mma::decode_by_power(codes, power, pairs);
  }
};

/// Eight elements of a row of x. As operands they are Parts times four pairs (j, j + 4), the order in
/// which codes are decoded: 16-bit ones as they are, floats as three bf16 whose sum they are.
template <class T>
struct few_eight {
  using operand = T;
  static constexpr int parts = 1;
  uint4 words[1];

  __device__ __forceinline__ void to_pairs(std::uint32_t (&pairs)[1][4]) const {
    uint4 const& v = words[0];
    pairs[0][0] = __byte_perm(v.x, v.z, 0x5410);
    pairs[0][1] = __byte_perm(v.x, v.z, 0x7632);
    pairs[0][2] = __byte_perm(v.y, v.w, 0x5410);
    pairs[0][3] = __byte_perm(v.y, v.w, 0x7632);
  }
};
template <>
struct few_eight<float> {
  using operand = bf16;
  static constexpr int parts = 3;
  uint4 words[2];

  /// rule    the upper 16 bits, those of what is left, and the rest, which has 8 bits. Infinity and NaN
  ///         are in the first part alone. Bits below 2^-133 are lost.
  __device__ __forceinline__ void to_pairs(std::uint32_t (&pairs)[3][4]) const {
    std::uint32_t const low[4] = {words[0].x, words[0].y, words[0].z, words[0].w};
    std::uint32_t const high[4] = {words[1].x, words[1].y, words[1].z, words[1].w};
    for (int j = 0; j < 4; ++j) {
      std::uint32_t a[3], b[3];
      split(low[j], a);
      split(high[j], b);
      for (int part = 0; part < 3; ++part) pairs[part][j] = __byte_perm(a[part], b[part], 0x7632);
    }
  }

 private:
  /// Three floats whose lower 16 bits do not count.
  __device__ __forceinline__ static void split(std::uint32_t x, std::uint32_t (&parts)[3]) {
    constexpr std::uint32_t upper = 0xFFFF'0000u, infinity = 0x7F80'0000u;
    bool const is_finite = (x & infinity) != infinity;
    bool const is_nan = !is_finite && (x & 0x007F'FFFFu) != 0;
    parts[0] = is_nan ? 0x7FC0'0000u : x;
    float const rest =
        is_finite ? arch::subtract(__uint_as_float(x), __uint_as_float(x & upper)) : 0.0f;
    parts[1] = __float_as_uint(rest);
    parts[2] = __float_as_uint(arch::subtract(rest, __uint_as_float(parts[1] & upper)));
  }
};

/// Eight elements from `from` on; `left` of them are there, and zeros beyond: all or none if Whole.
template <bool Whole, class T>
[[nodiscard]] __device__ __forceinline__ few_eight<T> load_eight(T const* from, matrix_index step,
                                                                 matrix_index left) {
  constexpr int per_word = 4 / sizeof(T);
  few_eight<T> result{};
  if constexpr (Whole) {
    if (left >= 8) {
      for (int i = 0; i < 2 / per_word; ++i) {
        result.words[i] = __ldg(reinterpret_cast<uint4 const*>(from) + i);
      }
    }
  } else {
    auto* const words = reinterpret_cast<std::uint32_t*>(result.words);
    for (int i = 0; i < 8 && i < left; ++i) {
      std::uint32_t bits;
      if constexpr (per_word == 1) {
        bits = __float_as_uint(from[i * step]);
      } else {
        bits = static_cast<std::uint32_t>(from[i * step].bits()) << (i % 2 * 16);
      }
      words[i / per_word] |= bits;
    }
  }
  return result;
}

}  // namespace nibble::device::detail
