// SPDX-License-Identifier: Apache-2.0
// Host matrices on the device and device matrices back, with guards round whatever a kernel writes.
#pragma once

#include <cstring>

#include <cuda/stream_ref>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace fixture {

inline cuda::stream_ref const default_stream{cudaStream_t{}};

/// A host matrix's values in device memory, under the same strides.
template <class T>
struct on_device {
  thrust::device_vector<T> values;
  nibble::matrix_view<T const> view;

  explicit on_device(matrix<T> const& host)
      : values(host.values.begin(), host.values.end()),
        view(thrust::raw_pointer_cast(values.data()), host.view().mapping()) {}
  on_device(on_device const&) = delete;
};

/// Device memory between guards, all of it poison.
class guarded_bytes {
 public:
  static constexpr std::size_t guard = 256;
  static constexpr std::uint8_t poison = 0x7F;  // a NaN as a scale of E4M3, and as a float

  explicit guarded_bytes(std::size_t size) : bytes_(size + 2 * guard, poison) {}

  template <class T>
  cuda::std::span<T> as() {
    return {reinterpret_cast<T*>(thrust::raw_pointer_cast(bytes_.data()) + guard),
            (bytes_.size() - 2 * guard) / sizeof(T)};
  }
  std::vector<std::uint8_t> inside() const {
    auto const all = copied(bytes_);
    return {all.begin() + guard, all.end() - guard};
  }
  bool guards_hold() const {
    auto const all = copied(bytes_);
    bool good = true;
    for (std::size_t i = 0; i != guard; ++i) {
      good = good && all[i] == poison && all[all.size() - 1 - i] == poison;
    }
    return good;
  }
  bool is_untouched() const {
    auto const all = copied(bytes_);
    return std::all_of(all.begin(), all.end(), [](std::uint8_t b) { return b == poison; });
  }
  void upload(void const* from, std::size_t size) {
    REQUIRE(cudaMemcpy(as<std::uint8_t>().data(), from, size, cudaMemcpyHostToDevice) ==
            cudaSuccess);
  }

 private:
  thrust::device_vector<std::uint8_t> bytes_;
};

/// A quantized matrix on the device between guards.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct guarded_matrix {
  nibble::quantized_shape<Block, ScaleLayout> shape;
  guarded_bytes codes, scales, amax;

  explicit guarded_matrix(nibble::quantized_shape<Block, ScaleLayout> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count()) * sizeof(typename Block::scale_type)),
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
  bool is_untouched() const {
    return codes.is_untouched() && scales.is_untouched() && amax.is_untouched();
  }

  /// How many bytes are not the host's, a broken guard counted as one.
  int different_bytes(nibble::quantized_matrix<Block, ScaleLayout> const& host) const {
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    int differences = !codes.guards_hold() + !scales.guards_hold() + !amax.guards_hold();
    differences += bytes_unlike(codes.inside(), host.code_bytes().data());
    differences += bytes_unlike(scales.inside(), host.scales().data());
    return differences + bytes_unlike(amax.inside(), host.amax().data());
  }
};

}  // namespace fixture
