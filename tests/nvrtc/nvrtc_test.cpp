// SPDX-License-Identifier: Apache-2.0
// The core compiled at run time: a kernel that includes nibble.hpp goes through NVRTC, for a chip
// without the instructions of 4-bit floats and for one that has them. Needs no GPU. The option
// --device-as-default-execution-space stands in for the marks that compile-time functions lack.
#include <doctest/doctest.h>

// CMakeLists.txt gives the folders of the headers where NVRTC is.
#if defined(NIBBLE_TEST_INCLUDE) && defined(NIBBLE_TEST_CCCL)
#include <nvrtc.h>

#include <string>

namespace {

constexpr char const* kernel = R"(
#include "nibble/nibble.hpp"

extern "C" __global__ void quantize(float const* in, nibble::nvfp4_block* out, float amax) {
  float values[16];
  for (int i = 0; i < 16; ++i) values[i] = in[blockIdx.x * 16 + i];
  nibble::quantizer<> const q;
  out[blockIdx.x] = q(values, nibble::tensor_amax{amax});
}

extern "C" __global__ void stochastic(float const* in, nibble::nvfp4_block* out, float amax) {
  using namespace nibble;
  quantizer q{scaling::amax<>{}, rounding::stochastic<8>{{42, 7}}, transform::random_hadamard<16>{}};
  float values[16];
  for (int i = 0; i < 16; ++i) values[i] = in[blockIdx.x * 16 + i];
  out[blockIdx.x] = q(values, tensor_amax{amax}, position{blockIdx.x * 16ull});
}

static_assert(nibble::fp4_e2m1(5.0f).bits() == 6);
)";

struct outcome {
  bool compiled;
  std::string log;
  std::string ptx;
};

outcome compile(char const* architecture) {
  nvrtcProgram program{};
  REQUIRE(nvrtcCreateProgram(&program, kernel, "kernel.cu", 0, nullptr, nullptr) == NVRTC_SUCCESS);
  std::string const target = std::string("--gpu-architecture=") + architecture;
  char const* const options[] = {
      target.c_str(),           "--std=c++20",         "--device-as-default-execution-space",
      "-I" NIBBLE_TEST_INCLUDE, "-I" NIBBLE_TEST_CCCL, "-I" NIBBLE_TEST_CUDA};
  outcome result{nvrtcCompileProgram(program, 6, options) == NVRTC_SUCCESS, {}, {}};
  std::size_t size = 0;
  nvrtcGetProgramLogSize(program, &size);
  result.log.resize(size);
  nvrtcGetProgramLog(program, result.log.data());
  if (result.compiled) {
    nvrtcGetPTXSize(program, &size);
    result.ptx.resize(size);
    nvrtcGetPTX(program, result.ptx.data());
  }
  nvrtcDestroyProgram(&program);
  return result;
}

}  // namespace

TEST_CASE("NVRTC compiles the core for sm_90, with portable 4-bit code") {
  outcome const made = compile("sm_90");
  INFO(made.log);
  REQUIRE(made.compiled);
  CHECK(made.ptx.find("quantize") != std::string::npos);
  CHECK(made.ptx.find("cvt.rn.satfinite.e4m3x2") != std::string::npos);
  CHECK(made.ptx.find("e2m1x2") == std::string::npos);
}

TEST_CASE("NVRTC compiles the core for sm_100a, with its instructions") {
  outcome const made = compile("sm_100a");
  INFO(made.log);
  REQUIRE(made.compiled);
  CHECK(made.ptx.find("cvt.rn.satfinite.e2m1x2.f32") != std::string::npos);
}
#endif
