// SPDX-License-Identifier: Apache-2.0
// Memory that both sides see, for tests of what needs no more.
#pragma once

#include <doctest/doctest.h>

#include <cuda_runtime_api.h>

#include <vector>

#include <cuda/std/span>

#include <nibble/view.hpp>

namespace fixture {

/// So many values of T, and after synchronize() what kernels made of them.
template <class T>
class managed {
 public:
  explicit managed(std::vector<T> const& from) : size_(from.size()) {
    REQUIRE(cudaMallocManaged(&data_, (size_ + 1) * sizeof(T)) == cudaSuccess);
    for (std::size_t i = 0; i < size_; ++i) data_[i] = from[i];
  }
  explicit managed(std::size_t size) : managed(std::vector<T>(size)) {}
  managed(managed const&) = delete;
  ~managed() { cudaFree(data_); }

  cuda::std::span<T> span() { return {data_, size_}; }
  nibble::matrix_view<T> view(nibble::matrix_index rows, nibble::matrix_index columns) {
    return *nibble::make_matrix_view(span(), rows, columns);
  }
  std::vector<T> values() const {
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    return {data_, data_ + size_};
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

}  // namespace fixture
