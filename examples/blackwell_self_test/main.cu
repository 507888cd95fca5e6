// SPDX-License-Identifier: Apache-2.0
// For owners of a Blackwell GPU: every conversion instruction against the portable path, how
// cvt.rs.satfinite.e2m1x4 uses its random bits, which no document says, the warp's products against
// their models, and quantizers, in a thread and for whole matrices, against the host's bytes.
//
//   nvcc -std=c++20 -O3 -arch=sm_100a -Iinclude examples/blackwell_self_test/main.cu && ./a.out
//   (B200, GB200: sm_100a; B300: 103a; Thor: 110a; RTX 50, RTX PRO: 120a; DGX Spark: 121a)
//
// An older GPU runs what it has and says what it leaves out. One line a check, meant for ten seconds.
// Exit status: 0 the bytes are equal, 1 they are not, 2 CUDA failed, 77 there is nothing to test.
#include "conversions.cuh"
#include "matrices.cuh"
#include "pairs.cuh"
#include "products.cuh"
#include "quantizers.cuh"
#include "random_bits.cuh"
#include "random_bits_models.cuh"

namespace {

/// What the code that runs on this device was built with.
struct abilities {
  int e4m3, e2m1, stochastic, block_scale, two_floats;
};

__global__ void report_abilities(abilities* result) {
  *result = {NIBBLE_HAS_CVT_E4M3, NIBBLE_HAS_CVT_E2M1, NIBBLE_HAS_CVT_RS_E2M1,
             NIBBLE_HAS_MMA_BLOCK_SCALE, NIBBLE_HAS_F32X2};
}

/// Says what is run; ends the program where this device runs nothing of it.
abilities introduce() {
  using self_test::require;
  cudaDeviceProp properties{};
  int driver = 0, runtime = 0;
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  require(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  std::printf("nibble %d.%d.%d, %s, compute capability %d.%d, driver %d, runtime %d\n",
              NIBBLE_VERSION_MAJOR, NIBBLE_VERSION_MINOR, NIBBLE_VERSION_PATCH, properties.name,
              properties.major, properties.minor, driver, runtime);
  self_test::device_array<abilities> const has(1);
  report_abilities<<<1, 1>>>(has.data());
  cudaError_t const launched = cudaPeekAtLastError();
  if (launched == cudaErrorNoKernelImageForDevice || launched == cudaErrorInvalidDeviceFunction) {
    std::printf("no code for this GPU in the program: build it with -arch=sm_%d%da\n",
                properties.major, properties.minor);
    std::exit(77);
  }
  return has.copied("launch")[0];
}

void leave_out(char const* what, char const* where) {
  std::printf("left out: %s (in builds for %s)\n", what, where);
}

void compare_conversions(abilities const& has) {
  self_test::print_heading("instruction and portable path", "inputs");
  self_test::compare_everywhere();
  if (has.e4m3 != 0) {
    self_test::compare_bytes();
  } else {
    leave_out("e4m3 and e5m2", "sm_89 and up");
  }
  if (has.two_floats != 0) {
    self_test::compare_two_floats();
  } else {
    leave_out("two products at once", "sm_100 and up");
  }
  if (has.e2m1 != 0) {
    self_test::compare_fewer_bits();
  } else {
    leave_out("e2m1, e2m3, e3m2 and ue8m0",
              "sm_100a, 103a, 110a, 120a, 121a; plain sm_100 has none");
  }
  if (has.stochastic != 0) {
    self_test::report_random_bits(self_test::ask_instruction);
  } else {
    leave_out("cvt.rs to e2m1", "sm_100a, 103a");
  }
}

}  // namespace

int main() {
  if (!self_test::inference_works()) {
    std::printf("the inference of the random bits fails on models of known maps\n");
    return 1;
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device\n");
    return 77;
  }
  abilities const has = introduce();
  compare_conversions(has);
  self_test::compare_quantizers();
  self_test::check_hardware_rounding();
  self_test::compare_matrices();
  self_test::compare_products();
  if (has.block_scale == 0) {
    leave_out("mma.sync with block scales: the products above were emulated", "sm_120a, 121a");
  }
  std::printf("%d passed, %d failed\n", self_test::passed, self_test::failed);
  return self_test::failed == 0 ? 0 : 1;
}
