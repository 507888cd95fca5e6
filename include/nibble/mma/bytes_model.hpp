// SPDX-License-Identifier: Apache-2.0
// The atom m16n8k32 on the host, lane by lane: the yardstick for its emulation and the instruction.
#pragma once

#include "nibble/mma/bytes.hpp"
#include "nibble/mma/model.hpp"

namespace nibble::mma {

namespace detail {

/// Products of two elements of up to 8 bits, summed exactly: those of 1 and more in units of 2^-8,
/// the others in units of 2^-32, which are fine enough for e5m2's smallest.
class exact_sum {
 public:
  constexpr void add_product(float a, float b) noexcept {
    if (a != a || b != b) {
      is_nan_ = true;
    } else if (arch::constant::is_infinite(a) || arch::constant::is_infinite(b)) {
      if (a == 0 || b == 0) is_nan_ = true;
      ((a < 0) != (b < 0) ? has_negative_ : has_positive_) = true;
    } else {
      double const product = static_cast<double>(a) * static_cast<double>(b);
      bool const is_large = product >= 1 || product <= -1;
      if (is_large) large_ += static_cast<std::int64_t>(product * 0x1p8);
      if (!is_large) small_ += static_cast<std::int64_t>(product * 0x1p32);
    }
  }
  /// c plus the sum times `scale`, a power of two or NaN, rounded once to FP32.
  ///
  /// rule    the sum is rounded to odd at 53 bits first. An addition that cancels more than c's 24
  ///         bits of them is exact, so none hides what the last rounding needs.
  [[nodiscard]] constexpr float add_to(float c, double scale) const noexcept {
    if (is_nan_ || (has_negative_ && has_positive_) || scale != scale) return arch::constant::nan();
    if (has_negative_ || has_positive_) {
      bool const is_opposite = arch::constant::is_infinite(c) && (c < 0) == has_positive_;
      if (is_opposite || arch::constant::is_nan(c)) return arch::constant::nan();
      return arch::constant::infinity(has_negative_);
    }
    return add_once(c, scale * add_to_odd(0x1p-8 * static_cast<double>(large_),
                                          0x1p-32 * static_cast<double>(small_)));
  }

 private:
  std::int64_t large_ = 0, small_ = 0;
  bool is_nan_ = false, has_negative_ = false, has_positive_ = false;
};

}  // namespace detail

/// d += A B for the fragments of a whole warp.
///
/// shape   A: 16 x 32, B: 32 x 8, elements in bytes (bytes.hpp), k along the words; a byte of a word
///         of scales is the row's or column's. BlockA and BlockB need not be the same.
/// rule    the 32 products are summed exactly, times both scales exactly, and added to d, rounded
///         once to FP32.
/// errors  a NaN element or scale makes NaN of what it reaches; infinities (e5m2) as in IEEE 754.
/// bits    identical everywhere.
template <class BlockA, class BlockB, class Select = selector<>>
constexpr void model_bytes(sum_fragment (&d)[warp_size], a_fragment const (&a)[warp_size],
                           b_fragment const (&b)[warp_size]) noexcept {
  static_assert(is_byte_block<BlockA> && is_byte_block<BlockB>, "got blocks other than MX's");
  using layout = fragments<8>;
  auto const value = [](auto of, std::uint32_t word, int element) {
    return static_cast<float>(decltype(of)::element(word >> (8 * element)));
  };
  auto const scale = [](std::uint32_t word, int byte) {
    return static_cast<double>(static_cast<float>(e8m0::from_bits(word >> (8 * byte) & 255u)));
  };
  for (int row = 0; row < layout::rows; ++row) {
    for (int column = 0; column < layout::columns; ++column) {
      detail::exact_sum sum;
      for (int k = 0; k < layout::depth; ++k) {
        place const left = layout::place_of_a({row, k}), right = layout::place_of_b({column, k});
        sum.add_product(value(byte_of<typename BlockA::element_type>{},
                              a[left.lane].words[left.word], left.element),
                        value(byte_of<typename BlockB::element_type>{},
                              b[right.lane].words[right.word], right.element));
      }
      place const at = place_of_sum({row, column});
      float& to = d[at.lane].values[at.word];
      to = sum.add_to(
          to, scale(a[scale_lane_of_row(row, Select::lane_a)].scales, Select::byte_a) *
                  scale(b[scale_lane_of_column(column, Select::lane_b)].scales, Select::byte_b));
    }
  }
}

}  // namespace nibble::mma
