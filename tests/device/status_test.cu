// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include <nibble/device/status.cuh>

// bugs: G8
TEST_CASE("every status has a sentence of its own") {
  using nibble::device::status;
  status const all[] = {status::success, status::shape_mismatch, status::code_layout,
                        status::launch_failed, status::sum_too_long, status::workspace_too_small,
                        status::no_forward, status::no_algorithm, status::cublas_failed};
  for (status const a : all) {
    CHECK(std::string(to_string(a)) != "unknown status");
    for (status const b : all) CHECK((a == b) == (std::string(to_string(a)) == to_string(b)));
  }
  CHECK(std::string(to_string(static_cast<status>(99))) == "unknown status");
}
