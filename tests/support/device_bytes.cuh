// SPDX-License-Identifier: Apache-2.0
// Host matrices on the device and device matrices back, with guards round whatever a kernel writes.
#pragma once

#include <algorithm>

#include <cuda/stream_ref>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace fixture {

inline cuda::stream_ref const default_stream{cudaStream_t{}};

/// A host matrix's values in device memory, `shift` elements off alignment, under the same strides.
template <class T>
struct on_device {
  device_vector<T> values;
  nibble::matrix_view<T const> view;

  explicit on_device(matrix<T> const& host, std::size_t shift = 0)
      : values(host.values.size() + shift), view(values.data() + shift, host.view().mapping()) {
    transfer(host.values.begin(), host.values.end(),
             values.begin() + static_cast<std::ptrdiff_t>(shift));
  }
  on_device(on_device const&) = delete;
};

/// Device memory between guards, all of it poison; `shift` bytes off the alignment that cudaMalloc
/// gives.
class guarded_bytes {
 public:
  static constexpr std::size_t guard = 4096;
  static constexpr std::uint8_t poison = 0x7F;  // a NaN as a scale of E4M3, and near the largest float

  explicit guarded_bytes(std::size_t size, std::size_t shift = 0)
      : first_(guard + shift), bytes_(first_ + size + guard, poison) {}

  template <class T>
  cuda::std::span<T> as() {
    return {reinterpret_cast<T*>(bytes_.data() + first_),
            (bytes_.size() - first_ - guard) / sizeof(T)};
  }
  std::vector<std::uint8_t> inside() const {
    auto const all = copied(bytes_);
    return {all.begin() + static_cast<std::ptrdiff_t>(first_), all.end() - guard};
  }
  bool guards_hold() const {
    auto const all = copied(bytes_);
    return is_poison(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first_)) &&
           is_poison(all.end() - guard, all.end());
  }
  bool is_untouched() const {
    auto const all = copied(bytes_);
    return is_poison(all.begin(), all.end());
  }
  void upload(void const* from, std::size_t size) {
    REQUIRE(cudaMemcpy(as<std::uint8_t>().data(), from, size, cudaMemcpyHostToDevice) ==
            cudaSuccess);
  }

 private:
  template <class Iterator>
  static bool is_poison(Iterator first, Iterator last) {
    return std::all_of(first, last, [](std::uint8_t byte) { return byte == poison; });
  }

  std::size_t first_;
  device_vector<std::uint8_t> bytes_;
};

/// A quantized matrix on the device between guards, its codes and scales so many bytes off alignment.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct guarded_matrix {
  nibble::quantized_shape<Block, ScaleLayout> shape;
  guarded_bytes codes, scales, amax;

  explicit guarded_matrix(nibble::quantized_shape<Block, ScaleLayout> const& s,
                          std::size_t code_shift = 0, std::size_t scale_shift = 0)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes()), code_shift),
        scales(static_cast<std::size_t>(s.scale_count()) * sizeof(typename Block::scale_type),
               scale_shift),
        amax(static_cast<std::size_t>(s.amax_count()) * sizeof(float)) {}

  /// A copy of a host matrix.
  explicit guarded_matrix(nibble::quantized_matrix<Block, ScaleLayout> const& host)
      : guarded_matrix(host.shape()) {
    codes.upload(host.code_bytes().data(), host.code_bytes().size());
    scales.upload(host.scales().data(), host.scales().size() * sizeof(typename Block::scale_type));
    amax.upload(host.amax().data(), host.amax().size() * sizeof(float));
  }

  nibble::quantized_view<Block, ScaleLayout> view() {
    auto const made = nibble::make_quantized_view<Block, ScaleLayout>(
        codes.as<std::uint8_t>(), scales.as<typename Block::scale_type>(), amax.as<float>(), shape);
    REQUIRE(made.has_value());
    return *made;
  }
  bool guards_hold() const {
    return codes.guards_hold() && scales.guards_hold() && amax.guards_hold();
  }
  bool is_untouched() const {
    return codes.is_untouched() && scales.is_untouched() && amax.is_untouched();
  }
  /// Overwrites codes and scales on a stream: what a kernel then leaves out does not look right.
  void overwrite(cudaStream_t on) {
    for (cuda::std::span<std::uint8_t> const bytes :
         {codes.as<std::uint8_t>(), scales.as<std::uint8_t>()}) {
      CHECK(cudaMemsetAsync(bytes.data(), 0x55, bytes.size(), on) == cudaSuccess);
    }
  }

  /// How many bytes are not the host's, a broken guard counted as one.
  int different_bytes(nibble::quantized_matrix<Block, ScaleLayout> const& host) const {
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    int differences = !codes.guards_hold() + !scales.guards_hold() + !amax.guards_hold();
    differences += bytes_unlike(codes.inside(), host.code_bytes());
    differences += bytes_unlike(scales.inside(), host.scales());
    return differences + bytes_unlike(amax.inside(), host.amax());
  }
};

}  // namespace fixture
