// SPDX-License-Identifier: Apache-2.0
// torchao's bytes, and its floor of 2^-6.
#include <nibble/interop/torchao.hpp>

#include <doctest/doctest.h>

#include <nibble/interop/cublaslt.hpp>
#include <nibble/quantize.hpp>

#include "support/conventions.hpp"
#include "support/matrices.hpp"
#include "support/scaling_laws.hpp"

using namespace nibble;
namespace ao = nibble::interop::torchao;

static_assert(scaling::policy<ao::scale<>, nvfp4_block> && !scaling::divides<ao::scale<>>);

TEST_CASE("torchao's codes, scales and values are those of the exact model") {
  CHECK(conventions::differences<ao::weights>(golden::torchao_blocks) == 0);
  CHECK(conventions::wrongly_decoded<ao::stored>(golden::torchao_blocks) == 0);
  CHECK(conventions::differences<quantizer<>>(golden::torchao_blocks) >
        10);  // TransformerEngine's differ
}

TEST_CASE("trap: torchao never stores a block scale below 2^-6, and loses small blocks") {
  // 1 / 2^17 of the tensor's amax: TransformerEngine's scale is subnormal and keeps the value.
  auto const block = conventions::first_is(2688 * 0x1p-17f);
  auto const theirs = ao::weights{}(block, tensor_amax{2688});
  auto const ours = quantizer<>{}(block, tensor_amax{2688});
  CHECK(static_cast<float>(theirs.scale) == 0x1p-6f);
  CHECK(static_cast<float>(ours.scale) == 0x1p-8f);  // 448 / 2^17, to the next multiple of 2^-9
  CHECK(quantizer<>{}.dequantize(ours, tensor_amax{2688})[0] == 6 * 0x1p-8f);
  CHECK(ao::weights{}.dequantize(theirs, tensor_amax{2688})[0] == 1.5f * 0x1p-6f);
}

TEST_CASE("trap: torchao gives a block of zeros the scale 2^-6, TransformerEngine 0") {
  auto const zeros = conventions::first_is(0);
  CHECK(static_cast<float>(ao::weights{}(zeros, tensor_amax{1}).scale) == 0x1p-6f);
  CHECK(static_cast<float>(quantizer<>{}(zeros, tensor_amax{1}).scale) == 0);
}

TEST_CASE("trap: torchao's block scales of an all-zero tensor are NaN, these are not") {
  auto const made = ao::weights{}(conventions::first_is(0), tensor_amax{0});
  CHECK(made.scale.bits() != 0x7F);
  CHECK(ao::weights{}.dequantize(made, tensor_amax{0})[0] == 0);
  CHECK(laws::zeros_stay_zeros<ao::scale<>, nvfp4_block>() == 0);
}

TEST_CASE("per_tensor_scale is amax / 2688, and scales go to cuBLASLt in tiles") {
  static_assert(ao::per_tensor_scale({5376}).value == 2);
  auto const values = fixture::filled(128, 64);
  auto const q = quantized<interop::cublaslt::scale_layout>(values.view(), ao::weights{});
  CHECK(interop::cublaslt::check(q.view()) == interop::cublaslt::refusal::none);
}
