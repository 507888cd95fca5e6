// SPDX-License-Identifier: Apache-2.0
// How an mdspan reads and writes packed elements, of less than a byte or of one.
#pragma once

#include <cuda/std/mdspan>

#include "nibble/number.hpp"

namespace nibble::layout {

/// Points at an element inside packed bytes: what a packed mdspan has for a data handle.
template <class T>
struct packed_pointer {
  using byte = std::conditional_t<std::is_const_v<T>, std::uint8_t const, std::uint8_t>;

  byte* bytes = nullptr;
  std::int64_t first = 0;  // elements from the start of `bytes`

  NIBBLE_HD constexpr packed_pointer() noexcept {}
  NIBBLE_HD constexpr explicit packed_pointer(byte* start, std::int64_t element = 0) noexcept
      : bytes(start), first(element) {}
  /// From a pointer to mutable elements.
  template <class Other>
  requires(std::is_const_v<T>&& std::is_same_v<T, Other const>) NIBBLE_HD
      constexpr packed_pointer(packed_pointer<Other> const& other) noexcept
      : bytes(other.bytes), first(other.first) {}
};

/// One packed element: converts to its value, and takes a new one by assignment.
///
/// errors  two threads that write elements of one byte race: give each thread whole bytes.
template <class T>
class packed_reference {
 public:
  using value_type = std::remove_const_t<T>;

  NIBBLE_HD constexpr packed_reference(packed_pointer<T> pointer, std::int64_t index) noexcept
      : bytes_(pointer.bytes), bit_((pointer.first + index) * width) {}
  packed_reference(packed_reference const&) = default;

  [[nodiscard]] NIBBLE_HD constexpr operator value_type() const noexcept {
    std::uint32_t window = bytes_[bit_ / 8];
    if (bit_ % 8 + width > 8) window |= static_cast<std::uint32_t>(bytes_[bit_ / 8 + 1]) << 8;
    return value_type::from_bits((window >> (bit_ % 8)) & value_type::format.mask());
  }
  [[nodiscard]] NIBBLE_HD explicit constexpr operator float() const noexcept {
    return static_cast<float>(static_cast<value_type>(*this));
  }

  NIBBLE_HD constexpr packed_reference const& operator=(value_type value) const noexcept
      requires(!std::is_const_v<T>) {
    std::uint32_t const mask = value_type::format.mask() << (bit_ % 8);
    std::uint32_t const bits = static_cast<std::uint32_t>(value.bits()) << (bit_ % 8);
    bytes_[bit_ / 8] = static_cast<std::uint8_t>((bytes_[bit_ / 8] & ~mask) | bits);
    if (bit_ % 8 + width > 8) {
      bytes_[bit_ / 8 + 1] =
          static_cast<std::uint8_t>((bytes_[bit_ / 8 + 1] & ~(mask >> 8)) | bits >> 8);
    }
    return *this;
  }
  /// Assigns the value, as a reference does, not the place; to itself too.
  // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): there is nothing to let go of.
  NIBBLE_HD constexpr packed_reference const& operator=(
      packed_reference const& other) const noexcept requires(!std::is_const_v<T>) {
    return *this = static_cast<value_type>(other);
  }

 private:
  static constexpr int width = value_type::format.width();

  typename packed_pointer<T>::byte* bytes_;
  std::int64_t bit_;
};

/// The accessor policy of packed elements; the order is that of nibble::packed, low bits first.
template <class T>
struct packed_accessor {
  using element_type = T;
  using reference = packed_reference<T>;
  using data_handle_type = packed_pointer<T>;
  using offset_policy = packed_accessor;

  NIBBLE_HD constexpr packed_accessor() noexcept {}
  template <class Other>
  requires(std::is_const_v<T>&& std::is_same_v<T, Other const>) NIBBLE_HD
      constexpr packed_accessor(packed_accessor<Other> const&) noexcept {}

  [[nodiscard]] NIBBLE_HD constexpr reference access(data_handle_type pointer,
                                                     std::size_t index) const noexcept {
    return {pointer, static_cast<std::int64_t>(index)};
  }
  [[nodiscard]] NIBBLE_HD constexpr data_handle_type offset(data_handle_type pointer,
                                                            std::size_t index) const noexcept {
    return data_handle_type(pointer.bytes, pointer.first + static_cast<std::int64_t>(index));
  }
};

}  // namespace nibble::layout
