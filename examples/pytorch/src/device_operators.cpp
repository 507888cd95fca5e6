// SPDX-License-Identifier: Apache-2.0
// What the operators do with tensors on a GPU.
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include "operators.hpp"

namespace nibble_torch {

processor::processor(Tensor const& on) {
  before_ = c10::cuda::current_device();
  int const wanted = on.get_device();
  if (wanted != before_) c10::cuda::set_device(static_cast<c10::DeviceIndex>(wanted));
  stream_ = c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(wanted)).stream();
}
processor::~processor() {
  if (c10::cuda::current_device() != before_) {
    c10::cuda::set_device(static_cast<c10::DeviceIndex>(before_));
  }
}
queue processor::stream() const { return stream_; }
Tensor processor::readable(Tensor const& t) const {
  require_known(t.scalar_type(), "a tensor");
  return t.contiguous();
}
at::ScalarType processor::written_type(at::ScalarType wanted) const {
  require_known(wanted, "a result");
  return wanted;
}

}  // namespace nibble_torch

TORCH_LIBRARY_IMPL(nibble, CUDA, m) { nibble_torch::implement(m); }
