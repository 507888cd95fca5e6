// SPDX-License-Identifier: Apache-2.0
// The conventions of other libraries in a kernel: the host's bytes, divisions and floors included.
#include <doctest/doctest.h>

#include <nibble/interop/compressed_tensors.hpp>
#include <nibble/interop/modelopt.hpp>
#include <nibble/interop/torchao.hpp>

#include "support/blocks_on_device.cuh"

namespace {

using namespace nibble;

template <class Quantizer>
__global__ void quantize_blocks(float const* values, float amax, nvfp4_block* out, float* back) {
  auto const i = blockIdx.x * blockDim.x + threadIdx.x;
  float block[16];
  for (unsigned j = 0; j < 16; ++j) block[j] = values[16 * i + j];
  out[i] = Quantizer{}(block, tensor_amax{amax});
  auto const numbers = Quantizer::decode(out[i], Quantizer::prepare(tensor_amax{amax}));
  for (int j = 0; j < 16; ++j) back[16 * i + static_cast<unsigned>(j)] = numbers[j];
}

/// Blocks whose bytes or numbers differ from the host's, over amaxes of every size.
template <class Quantizer>
int differences() {
  auto const values = fixture::blocks_of_sixteen();
  std::size_t const blocks = values.size() / 16;
  fixture::device_vector<float> const in(values.begin(), values.end());
  fixture::device_vector<nvfp4_block> out(blocks);
  fixture::device_vector<float> back(values.size());
  int differ = 0;
  for (float const amax : {0.0f, 1e-38f, 1e-5f, 0.375f, 6.0f, 4.5f, 2688.0f, 3e38f}) {
    quantize_blocks<Quantizer>
        <<<static_cast<unsigned>(blocks / 64), 64>>>(in.data(), amax, out.data(), back.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto const made = fixture::copied(out);
    auto const numbers = fixture::copied(back);
    for (std::size_t b = 0; b < blocks; ++b) {
      float block[16];
      for (std::size_t j = 0; j < 16; ++j) block[j] = values[16 * b + j];
      auto const expected = Quantizer{}(block, tensor_amax{amax});
      auto const expected_numbers =
          Quantizer::decode(expected, Quantizer::prepare(tensor_amax{amax}));
      bool same = made[b].scale.bits() == expected.scale.bits();
      for (int j = 0; j < 16; ++j) {
        same =
            same && made[b].codes[j].bits() == expected.codes[j].bits() &&
            detail::float_bits(detail::canonical(numbers[16 * b + static_cast<std::size_t>(j)])) ==
                detail::float_bits(detail::canonical(expected_numbers[j]));
      }
      differ += !same;
    }
  }
  return differ;
}

}  // namespace

TEST_CASE("torchao's, ModelOpt's and compressed-tensors' numbers in a kernel are the host's") {
  if (!fixture::has_device()) return;
  CHECK(differences<interop::torchao::weights>() == 0);
  CHECK(differences<interop::modelopt::weights>() == 0);
  CHECK(differences<interop::compressed_tensors::weights<>>() == 0);
  CHECK(differences<interop::compressed_tensors::weights<bf16>>() == 0);
  CHECK(differences<interop::compressed_tensors::weights<fp16>>() == 0);
}
