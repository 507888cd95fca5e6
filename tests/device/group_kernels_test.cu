// SPDX-License-Identifier: Apache-2.0
// The position that a group draws random numbers by, which the kernels and the host must agree on; their bytes
// are tested with quantize.
#include <doctest/doctest.h>

#include <nibble/device/group_kernels.cuh>

#include "support/device_memory.cuh"

namespace {

using view = nibble::quantized_view<nibble::nvfp4_block>;

__global__ void positions(view out, std::uint64_t* found) {
  auto const at = nibble::device::detail::position_of(out, 3, 32);
  found[0] = at.index;
  found[1] = at.pitch;
}

}  // namespace

TEST_CASE("a group's position counts elements of the matrix as quantized, row after row") {
  if (!fixture::has_device()) return;
  using quantizer = nibble::quantizer<>;
  fixture::device_matrix<quantizer, cuda::std::layout_right> matrix(
      nibble::shape_for<quantizer>(5, 70));
  fixture::device_vector<std::uint64_t> found(2);
  positions<<<1, 1>>>(matrix.view(), found.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(found[0] == 3 * 70 + 32);
  CHECK(found[1] == 70);
}
