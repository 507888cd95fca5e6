// SPDX-License-Identifier: Apache-2.0
// A cuBLASLt handle that is given back, and what its GPU multiplies natively.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "nibble/device/status.cuh"

namespace nibble::cublas {

/// A cuBLASLt handle for the GPU that is current when it is made. Making one takes milliseconds and
/// memory: make it once a GPU, outside of graph capture, and share it.
///
/// errors  never throws; state() says whether it can be used, and every product that is given a
///         handle that cannot returns that status.
class handle {
 public:
  handle() noexcept {
    int device = 0;
    bool const is_known =
        cudaGetDevice(&device) == cudaSuccess &&
        cudaDeviceGetAttribute(&major_, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess;
    if (!is_known || cublasLtCreate(&handle_) != CUBLAS_STATUS_SUCCESS) handle_ = nullptr;
  }
  handle(handle&& other) noexcept : handle_(other.handle_), major_(other.major_) {
    other.handle_ = nullptr;
  }
  handle& operator=(handle&& other) noexcept {
    cublasLtHandle_t const mine = handle_;
    handle_ = other.handle_;
    other.handle_ = mine;
    major_ = other.major_;
    return *this;
  }
  ~handle() {
    if (handle_ != nullptr) cublasLtDestroy(handle_);
  }

  /// success, or cublas_failed where there is no GPU or cuBLASLt could not be set up.
  [[nodiscard]] device::status state() const noexcept {
    return handle_ != nullptr ? device::status::success : device::status::cublas_failed;
  }
  [[nodiscard]] cublasLtHandle_t get() const noexcept { return handle_; }

  /// Does this GPU multiply e2m1 codes with block scales itself? True for Blackwell, compute
  /// capability 10.x and 12.x.
  [[nodiscard]] bool multiplies_nvfp4() const noexcept { return major_ == 10 || major_ == 12; }

 private:
  cublasLtHandle_t handle_ = nullptr;
  int major_ = 0;
};

}  // namespace nibble::cublas
