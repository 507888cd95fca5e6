// SPDX-License-Identifier: Apache-2.0
// Device memory of the caller's, cut into arrays; the same cuts, made of nothing, are the query.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nibble/detail/bits.hpp"
#include "nibble/view.hpp"

namespace nibble::device {

/// Device memory that a launcher may use until its work on the stream is done.
///
/// shape   as many bytes as the launcher's query returns, on a 256-byte boundary (cudaMalloc's is).
struct workspace {
  void* data = nullptr;
  std::size_t bytes = 0;
};

namespace detail {

/// Hands out arrays from a workspace, each on a 256-byte boundary. Without one it only counts.
class arena {
 public:
  arena() = default;
  explicit arena(workspace const& w) noexcept : first_(static_cast<std::byte*>(w.data)) {}

  template <class T>
  [[nodiscard]] T* take(std::int64_t count) noexcept {
    std::size_t const from = used_;
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
    return first_ == nullptr ? nullptr : reinterpret_cast<T*>(first_ + from);
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

  /// What is left of `w`.
  [[nodiscard]] workspace rest(workspace const& w) const noexcept {
    return used_ < w.bytes ? workspace{first_ + used_, w.bytes - used_} : workspace{};
  }

  /// Was all that was handed out inside `w`?
  [[nodiscard]] bool fits(workspace const& w) const noexcept {
    return used_ <= w.bytes &&
           (used_ == 0 ||
            (w.data != nullptr && reinterpret_cast<std::uintptr_t>(w.data) % 256 == 0));
  }

 private:
  std::byte* first_ = nullptr;
  std::size_t used_ = 0;
};

/// Floats of a workspace as a matrix, rows one after the other.
[[nodiscard]] inline matrix_view<float> matrix_at(float* first, matrix_index rows,
                                                  matrix_index columns) {
  return *make_matrix_view(
      ::cuda::std::span<float>(first, static_cast<std::size_t>(rows * columns)), rows, columns);
}

}  // namespace detail

}  // namespace nibble::device
