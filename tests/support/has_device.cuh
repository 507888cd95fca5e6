// SPDX-License-Identifier: Apache-2.0
// Whether device tests can run here, and what they say where they cannot.
#pragma once

#include <doctest/doctest.h>

#include <cuda_runtime_api.h>

#include <cstdlib>

#include "support/is_brief.hpp"

namespace fixture {

/// Is there a GPU to test on? Says so where there is none, and fails where NIBBLE_REQUIRE_GPU asks for one.
inline bool has_device() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) return true;
  cudaGetLastError();
  char const* const required = std::getenv("NIBBLE_REQUIRE_GPU");
  if (required != nullptr && *required == '1') FAIL("no CUDA device, and NIBBLE_REQUIRE_GPU=1");
  MESSAGE("no CUDA device");
  return false;
}

/// How often to ask the same of other numbers: a fiftieth as often where that is slow.
inline int times(int usual) { return is_brief() ? usual / 50 : usual; }

}  // namespace fixture
