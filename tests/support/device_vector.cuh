// SPDX-License-Identifier: Apache-2.0
// Memory on the device that tests own and look into: thrust's vector, of which they need this much, takes
// 13 s to compile in each file that includes it.
#pragma once

#include <doctest/doctest.h>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace fixture {

/// Copies contiguous values, either side on the host or on the device, and waits for them: a kernel on any
/// stream finds them there.
template <class From, class To>
void transfer(From first, From last, To to) {
  using value = std::iter_value_t<From>;
  static_assert(std::is_same_v<value, std::iter_value_t<To>> &&
                std::is_trivially_copyable_v<value>);
  if (first == last) return;
  REQUIRE(cudaMemcpy(std::to_address(to), std::to_address(first),
                     static_cast<std::size_t>(last - first) * sizeof(value),
                     cudaMemcpyDefault) == cudaSuccess);
  REQUIRE(cudaStreamSynchronize(cudaStreamLegacy) == cudaSuccess);
}

template <class T>
__global__ void fill_kernel(T* to, std::size_t size, T value) {
  std::size_t const step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < size; i += step)
    to[i] = value;
}

template <class T>
void fill(T* first, T* last, T value) {
  if (first == last) return;
  auto const size = static_cast<std::size_t>(last - first);
  fill_kernel<<<static_cast<unsigned>(std::min<std::size_t>((size + 255) / 256, 1024)), 256>>>(first, size, value);
  REQUIRE(cudaStreamSynchronize(cudaStreamLegacy) == cudaSuccess);
}

/// So many values of T on the device. Its pointers and iterators are the device's; [] reads and writes one
/// value from the host.
template <class T>
class device_vector {
 public:
  class reference {
   public:
    explicit reference(T* at) : at_(at) {}
    operator T() const {
      T value;
      transfer(at_, at_ + 1, &value);
      return value;
    }
    reference const& operator=(T const& value) const {
      transfer(&value, &value + 1, at_);
      return *this;
    }

   private:
    T* at_;
  };

  device_vector() = default;
  explicit device_vector(std::size_t size) : device_vector(size, T{}) {}
  device_vector(std::size_t size, T value) : device_vector(unfilled{}, size) {
    fill(begin(), end(), value);
  }
  template <std::input_iterator Iterator>
  device_vector(Iterator first, Iterator last)
      : device_vector(unfilled{}, static_cast<std::size_t>(std::distance(first, last))) {
    auto const values = std::make_unique<T[]>(size_);
    std::copy(first, last, values.get());
    transfer(values.get(), values.get() + size_, data_);
  }
  device_vector(device_vector const& other) : device_vector(unfilled{}, other.size_) {
    transfer(other.begin(), other.end(), data_);
  }
  device_vector(device_vector&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  device_vector& operator=(device_vector other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~device_vector() { cudaFree(data_); }

  std::size_t size() const { return size_; }
  T* data() { return data_; }
  T const* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  T const* begin() const { return data_; }
  T const* end() const { return data_ + size_; }
  reference operator[](std::size_t i) { return reference(data_ + i); }
  T operator[](std::size_t i) const { return reference(data_ + i); }

 private:
  struct unfilled {};
  device_vector(unfilled, std::size_t size) : size_(size) {
    if (size != 0) REQUIRE(cudaMalloc(&data_, size * sizeof(T)) == cudaSuccess);
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The values on the host.
template <class T>
std::vector<T> copied(device_vector<T> const& from) {
  auto const host = std::make_unique<T[]>(from.size());
  transfer(from.begin(), from.end(), host.get());
  return std::vector<T>(host.get(), host.get() + from.size());
}

}  // namespace fixture
