// SPDX-License-Identifier: Apache-2.0
// A handle can be used where there is a GPU, says so where there is none, and has one owner.
#include <doctest/doctest.h>

#include <utility>

#include <nibble/cublas/handle.cuh>

#include "support/device_memory.cuh"

using nibble::device::status;

TEST_CASE("a handle is ready exactly where there is a GPU, and moves") {
  bool const has_device = fixture::has_device();
  nibble::cublas::handle first;
  CHECK((first.state() == status::success) == has_device);
  CHECK((first.get() != nullptr) == has_device);
  if (!has_device) {
    CHECK(first.state() == status::cublas_failed);
    CHECK(!first.multiplies_nvfp4());
    return;
  }
  cudaDeviceProp properties{};
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  CHECK(first.multiplies_nvfp4() == (properties.major == 10 || properties.major == 12));

  cublasLtHandle_t const library = first.get();
  nibble::cublas::handle second(std::move(first));
  CHECK(second.get() == library);
  CHECK(first.state() == status::cublas_failed);
  nibble::cublas::handle third;
  third = std::move(second);
  CHECK(third.get() == library);
}
