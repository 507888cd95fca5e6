// SPDX-License-Identifier: Apache-2.0
// What a launcher returns in place of throwing.
#pragma once

#include <cuda_runtime_api.h>

#include "nibble/detail/std.hpp"

namespace nibble::device {

/// Why a launch did not happen; nothing is written then. An error that an earlier call of the program's
/// left unread is taken for the launch's own, which may then have happened: read cudaGetLastError first.
/// The stream is one of the current device.
enum class [[nodiscard]] status{
    success,
    shape_mismatch,  // the output has not the shape that shape_for<Quantizer> gives
    code_layout,     // rows of codes are not padded to whole blocks, or have another stride than 1
    launch_failed,   // CUDA refused the launch: see cudaGetLastError, which this leaves set
    sum_too_long,    // an exact product sums over more than 2^20 elements
    workspace_too_small,  // less workspace than the query asks for, or not on a 256-byte boundary
    no_forward,           // a backward without the forward that it belongs to
    no_algorithm,         // cuBLASLt knows no algorithm for this product on this GPU
    cublas_failed,        // cuBLASLt refused a call: it is not set up, or the launch failed
};

/// A sentence for a person.
[[nodiscard]] constexpr char const* to_string(status s) noexcept {
  switch (s) {
    case status::success:
      return "success";
    case status::shape_mismatch:
      return "got an output of another shape than the quantizer makes of this input; make it with "
             "shape_for<Quantizer>";
    case status::code_layout:
      return "got codes whose rows are not padded to whole blocks; make the output with "
             "shape_for<Quantizer>";
    case status::launch_failed:
      return "CUDA refused the launch; ask cudaGetLastError";
    case status::sum_too_long:
      return "got an exact product over more than 2^20 elements, whose sum may not fit 64 bits; "
             "split it";
    case status::workspace_too_small:
      return "got less workspace than the query returns, or a workspace that is not on a 256-byte "
             "boundary";
    case status::no_forward:
      return "got a backward of other shapes than the last forward, or none before it";
    case status::no_algorithm:
      return "cuBLASLt has no algorithm for this product on this GPU";
    case status::cublas_failed:
      return "cuBLASLt refused a call; set CUBLASLT_LOG_LEVEL=1 and run again to see which";
  }
  return "unknown status";
}

}  // namespace nibble::device
