// SPDX-License-Identifier: Apache-2.0
// What the interpreter of PTX must not let pass: a check that cannot fail shows nothing. A fault ends the device, so
// each case is a process of its own, as ctest has it.
#include <doctest/doctest.h>

#include <cuda_pipeline_primitives.h>
#include <cuda_runtime_api.h>

#include <string>

#include "support/device_vector.cuh"
#include "support/has_device.cuh"

namespace {

/// Only there: a GPU may let such things pass.
bool is_interpreted() {
  if (!fixture::has_device()) return false;
  cudaDeviceProp properties{};
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  if (std::string(properties.name) == "interpreter of PTX") return true;
  MESSAGE("no CUDA device that is interpreted");
  return false;
}

__global__ void store_at(int* to, int index) { to[index] = 1; }

__global__ void store_word(unsigned char* to) { *reinterpret_cast<int*>(to) = 1; }

__global__ void load_shared(int* to, int index) {
  __shared__ int few[4];
  few[0] = few[1] = few[2] = few[3] = 1;
  *to = few[index];
}

__global__ void meet_at_two_places(int* to) {
  if (threadIdx.x < 16) {
    to[threadIdx.x] = __shfl_sync(0xFFFF'FFFFu, static_cast<int>(threadIdx.x), 3);
  } else {
    to[threadIdx.x] = __shfl_xor_sync(0xFFFF'FFFFu, static_cast<int>(threadIdx.x), 1);
  }
}

/// Each warp leaves a number for both of its neighbours.
__global__ void pass_round(int* to, bool with_barrier) {
  __shared__ int left[4];
  unsigned const warp = threadIdx.x / 32;
  left[warp] = static_cast<int>(warp);
  if (with_barrier) __syncthreads();
  to[2 * warp] = left[(warp + 1) % 4];
  to[2 * warp + 1] = left[(warp + 3) % 4];
}

__global__ void copy_late(int const* from, int* to, bool waits) {
  __shared__ int there[32];
  __pipeline_memcpy_async(there + threadIdx.x, from + threadIdx.x, sizeof(int));
  __pipeline_commit();
  if (waits) __pipeline_wait_prior(0);
  to[threadIdx.x] = there[threadIdx.x];
}

int right_neighbours(bool with_barrier) {
  fixture::device_vector<int> to(8, -1);
  pass_round<<<1, 128>>>(to.data(), with_barrier);
  auto const got = fixture::copied(to);
  int right = 0;
  for (int warp = 0; warp < 4; ++warp) {
    right += got[static_cast<std::size_t>(2 * warp)] == (warp + 1) % 4;
    right += got[static_cast<std::size_t>(2 * warp) + 1] == (warp + 3) % 4;
  }
  return right;
}

}  // namespace

TEST_CASE("a store behind an allocation stops the device") {
  if (!is_interpreted()) return;
  fixture::device_vector<int> const before(4, 0), to(4, 0), behind(4, 0);
  store_at<<<1, 1>>>(const_cast<int*>(to.data()), 3);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  store_at<<<1, 1>>>(const_cast<int*>(to.data()), 4);
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
}

TEST_CASE("a misaligned store stops the device") {
  if (!is_interpreted()) return;
  fixture::device_vector<unsigned char> to(16, 0);
  store_word<<<1, 1>>>(to.data() + 4);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  store_word<<<1, 1>>>(to.data() + 5);
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
}

TEST_CASE("a load behind shared memory stops the device") {
  if (!is_interpreted()) return;
  fixture::device_vector<int> to(1, 0);
  load_shared<<<1, 1>>>(to.data(), 3);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  load_shared<<<1, 1>>>(to.data(), 4);
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
}

TEST_CASE("lanes that wait for each other at two places stop the device") {
  if (!is_interpreted()) return;
  fixture::device_vector<int> to(32, 0);
  meet_at_two_places<<<1, 32>>>(to.data());
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
}

TEST_CASE("without the barrier that they need warps do not see what others wrote") {
  if (!is_interpreted()) return;
  CHECK(right_neighbours(true) == 8);
  CHECK(right_neighbours(false) == 4);
}

TEST_CASE("a copy that is not waited for has not been made") {
  if (!is_interpreted()) return;
  fixture::device_vector<int> const from(32, 7);
  fixture::device_vector<int> to(32, 0);
  copy_late<<<1, 32>>>(from.data(), to.data(), true);
  CHECK(fixture::copied(to) == std::vector<int>(32, 7));
  copy_late<<<1, 32>>>(from.data(), to.data(), false);
  CHECK(fixture::copied(to) != std::vector<int>(32, 7));
}
