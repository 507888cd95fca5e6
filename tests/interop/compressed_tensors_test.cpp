// SPDX-License-Identifier: Apache-2.0
// compressed-tensors' bytes, its divisor and its arithmetic in the type of the weights.
#include <nibble/interop/compressed_tensors.hpp>

#include <doctest/doctest.h>

#include <nibble/interop/modelopt.hpp>

#include "support/conventions.hpp"
#include "support/scaling_laws.hpp"

using namespace nibble;
namespace ct = nibble::interop::compressed_tensors;

static_assert(scaling::policy<ct::scale<>, nvfp4_block> && scaling::divides<ct::scale<bf16>>);

TEST_CASE("compressed-tensors' codes, scales and values are those of the exact model") {
  CHECK(conventions::differences<ct::weights<>>(golden::compressed_tensors_blocks) == 0);
  CHECK(conventions::wrongly_decoded<ct::stored>(golden::compressed_tensors_blocks) == 0);
  CHECK(conventions::differences<quantizer<>>(golden::compressed_tensors_blocks) > 10);
}

TEST_CASE("trap: compressed-tensors computes scales in the type of the weights") {
  CHECK(conventions::differences<ct::weights<bf16>>(golden::compressed_tensors_bf16_blocks) == 0);
  CHECK(conventions::differences<ct::weights<fp16>>(golden::compressed_tensors_fp16_blocks) == 0);
  CHECK(conventions::wrongly_decoded<ct::stored>(golden::compressed_tensors_bf16_blocks) == 0);
  CHECK(conventions::wrongly_decoded<ct::stored>(golden::compressed_tensors_fp16_blocks) == 0);
  CHECK(conventions::differences<ct::weights<>>(golden::compressed_tensors_bf16_blocks) > 0);
}

TEST_CASE("trap: weight_global_scale is what codes are divided by, 2688 / amax") {
  static_assert(ct::weight_global_scale({5376}).value == 0.5f);
  auto const made = ct::weights<>{}(conventions::first_is(5376), tensor_amax{5376});
  CHECK(ct::stored{}.dequantize(made, ct::slot({0.5f}))[0] == 5376);
  // Read as ModelOpt's, the same file is a quarter as large.
  CHECK(interop::modelopt::stored{}.dequantize(made, tensor_amax{0.5f})[0] == 1344);
}

TEST_CASE("trap: compressed-tensors stores 1/8 for a block whose scale rounds to 0") {
  CHECK(static_cast<float>(ct::weights<>{}(conventions::first_is(0), tensor_amax{6}).scale) ==
        0.125f);
  CHECK(static_cast<float>(ct::weights<>{}(conventions::first_is(1e-8f), tensor_amax{6}).scale) ==
        0.125f);
  CHECK(laws::zeros_stay_zeros<ct::scale<>, nvfp4_block>() == 0);
}
