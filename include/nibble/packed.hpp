// SPDX-License-Identifier: Apache-2.0
// Numbers of less than a byte, stored without a gap.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// N numbers of type T, packed: element i occupies the T::format.width() bits from bit i * width
/// on, counted from the low bit of the first byte.
///
/// shape   ceil(N * width / 8) bytes; 4-bit elements: two to a byte, the even index in the low
///         nibble; unused bits of the last byte are 0. Standard layout, alignment 1.
/// errors  an index outside [0, N) is undefined, and does not compile in a constant expression.
/// bits    identical everywhere.
template <class T, int N>
class packed {
  static_assert(number_type<T>,
                "got a T that is no number type; need one derived from nibble::number");
  static_assert(T::format.width() <= 8, "got a 16-bit T; it has nothing to pack, use an array");
  static_assert(N > 0, "got no elements; need N > 0");

 public:
  using value_type = T;
  static constexpr int size = N;
  static constexpr std::size_t size_bytes = (std::size_t{N} * T::format.width() + 7) / 8;

  /// Element i.
  [[nodiscard]] NIBBLE_HD constexpr T operator[](int i) const noexcept {
    if constexpr (width == 8) {
      return T::from_bits(bytes_[i]);
    } else {
      int const bit = i * width;
      std::uint32_t window = bytes_[bit / 8];
      if (bit % 8 + width > 8) window |= static_cast<std::uint32_t>(bytes_[bit / 8 + 1]) << 8;
      return T::from_bits((window >> (bit % 8)) & T::format.mask());
    }
  }

  /// Replaces element i.
  NIBBLE_HD constexpr void set(int i, T value) noexcept {
    if constexpr (width == 8) {
      bytes_[i] = value.bits();
    } else {
      int const bit = i * width;
      replace(bit / 8, T::format.mask() << (bit % 8),
              static_cast<std::uint32_t>(value.bits()) << (bit % 8));
      if (bit % 8 + width > 8) {
        replace(bit / 8 + 1, T::format.mask() >> (8 - bit % 8),
                static_cast<std::uint32_t>(value.bits()) >> (8 - bit % 8));
      }
    }
  }

  /// The bytes as they lie in memory.
  [[nodiscard]] NIBBLE_HD constexpr auto bytes() const noexcept -> std::uint8_t
      const (&)[size_bytes] {
    return bytes_;
  }
  [[nodiscard]] NIBBLE_HD constexpr auto bytes() noexcept -> std::uint8_t (&)[size_bytes] {
    return bytes_;
  }

 private:
  static constexpr int width = T::format.width();

  NIBBLE_HD constexpr void replace(int byte, std::uint32_t mask, std::uint32_t bits) noexcept {
    bytes_[byte] = static_cast<std::uint8_t>((bytes_[byte] & ~mask) | (bits & mask));
  }

  std::uint8_t bytes_[size_bytes];
};

}  // namespace nibble
