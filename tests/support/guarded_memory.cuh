// SPDX-License-Identifier: Apache-2.0
// Device memory between guards, so that a kernel that writes beyond its output is seen.
#pragma once

#include <thrust/copy.h>

#include <algorithm>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace fixture {

/// `count` objects of T in device memory filled with a pattern, with guards of the same on both sides;
/// `shift` objects off the alignment that cudaMalloc gives.
template <class T>
class guarded {
 public:
  static constexpr std::size_t guard = 4096;
  static constexpr int pattern = 0xAA;

  explicit guarded(std::size_t count, std::size_t shift = 0)
      : size_(count * sizeof(T)),
        first_(guard + shift * sizeof(T)),
        bytes_(first_ + size_ + guard, std::uint8_t{pattern}) {}

  [[nodiscard]] T* data() {
    return reinterpret_cast<T*>(thrust::raw_pointer_cast(bytes_.data()) + first_);
  }
  [[nodiscard]] cuda::std::span<T> span() { return {data(), size_ / sizeof(T)}; }
  /// The bytes between the guards.
  [[nodiscard]] std::vector<std::uint8_t> inside() const {
    auto const all = copied(bytes_);
    return {all.begin() + static_cast<std::ptrdiff_t>(first_),
            all.begin() + static_cast<std::ptrdiff_t>(first_ + size_)};
  }
  [[nodiscard]] bool guards_hold() const {
    auto const all = copied(bytes_);
    auto const is_pattern = [](std::uint8_t byte) { return byte == pattern; };
    return std::all_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first_),
                       is_pattern) &&
           std::all_of(all.begin() + static_cast<std::ptrdiff_t>(first_ + size_), all.end(),
                       is_pattern);
  }
  [[nodiscard]] bool untouched() const {
    auto const all = copied(bytes_);
    return std::all_of(all.begin(), all.end(), [](std::uint8_t byte) { return byte == pattern; });
  }

 private:
  std::size_t size_, first_;
  thrust::device_vector<std::uint8_t> bytes_;
};

/// A quantized matrix in guarded device memory, its three buffers off their alignment by as many bytes,
/// bytes and floats as asked.
template <class Quantizer, class ScaleLayout>
struct guarded_matrix {
  using block = typename Quantizer::block_type;
  using scale = typename block::scale_type;

  nibble::quantized_shape<block, ScaleLayout> shape;
  guarded<std::uint8_t> codes;
  guarded<scale> scales;
  guarded<float> amax;

  explicit guarded_matrix(nibble::quantized_shape<block, ScaleLayout> const& s,
                          std::size_t code_shift = 0, std::size_t scale_shift = 0)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes()), code_shift),
        scales(static_cast<std::size_t>(s.scale_count()), scale_shift),
        amax(static_cast<std::size_t>(s.amax_count())) {}

  nibble::quantized_view<block, ScaleLayout> view() {
    auto const made = nibble::make_quantized_view<block, ScaleLayout>(codes.span(), scales.span(),
                                                                      amax.span(), shape);
    REQUIRE(made.has_value());
    return *made;
  }
  [[nodiscard]] bool guards_hold() const {
    return codes.guards_hold() && scales.guards_hold() && amax.guards_hold();
  }
  [[nodiscard]] bool untouched() const {
    return codes.untouched() && scales.untouched() && amax.untouched();
  }
  /// How many bytes differ from a host matrix's.
  [[nodiscard]] std::size_t differences(
      nibble::quantized_matrix<block, ScaleLayout> const& expected) const {
    return different(codes.inside(), expected.code_bytes()) +
           different(scales.inside(), expected.scales()) +
           different(amax.inside(), expected.amax());
  }

 private:
  template <class T>
  static std::size_t different(std::vector<std::uint8_t> const& got,
                               std::vector<T> const& expected) {
    REQUIRE(got.size() == expected.size() * sizeof(T));
    auto const* const bytes = reinterpret_cast<std::uint8_t const*>(expected.data());
    std::size_t count = 0;
    for (std::size_t i = 0; i < got.size(); ++i) count += got[i] != bytes[i];
    return count;
  }
};

/// A host matrix's buffer in device memory, `shift` elements off alignment, and the view of it.
template <class T>
struct on_device {
  thrust::device_vector<T> values;
  nibble::matrix_view<T const> view;

  explicit on_device(matrix<T> const& from, std::size_t shift = 0)
      : values(from.values.size() + shift) {
    thrust::copy(from.values.begin(), from.values.end(),
                 values.begin() + static_cast<std::ptrdiff_t>(shift));
    cuda::std::array<nibble::matrix_index, 2> const strides{from.row_step, from.column_step};
    view = nibble::matrix_view<T const>(thrust::raw_pointer_cast(values.data()) + shift,
                                        {nibble::matrix_extents(from.rows, from.columns), strides});
  }
};

}  // namespace fixture
