// SPDX-License-Identifier: Apache-2.0
// What a launcher returns in place of throwing.
#pragma once

#include <cuda_runtime_api.h>

#include "nibble/detail/std.hpp"

namespace nibble::device {

/// Why a launch did not happen; nothing is written then.
enum class [[nodiscard]] status{
    success,
    shape_mismatch,  // the output has not the shape that shape_for<Quantizer> gives
    code_layout,    // rows of codes are not padded to whole blocks, or have another stride than 1
    launch_failed,  // CUDA refused the launch: see cudaGetLastError, which this leaves set
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
  }
  return "unknown status";
}

}  // namespace nibble::device
