// SPDX-License-Identifier: Apache-2.0
// The same matrix under several quantizers: what each policy costs, in decibels.
#include <nibble/matrix.hpp>

#include <cstdio>
#include <vector>

namespace {

/// Numbers like those of a layer: a bell curve, and one feature thirty times as large.
std::vector<float> activations(nibble::matrix_index rows, nibble::matrix_index columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  nibble::random::philox4x32<> const source{.seed = 1, .stream = 0};
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const words = source(i);
    double sum = -2;  // of four uniform numbers: close enough to a bell
    for (auto const word : words.value) sum += static_cast<double>(word) * 0x1p-32;
    bool const is_hot = i % static_cast<std::size_t>(columns) == 5;
    values[i] = static_cast<float>(is_hot ? 30 * sum : sum);
  }
  return values;
}

template <class Quantizer>
void report(char const* name, nibble::matrix_view<float> const& x, Quantizer const& q) {
  auto const quantized = nibble::quantized(x, q);
  std::printf("%-38s %s\n", name, to_string(nibble::compare(x, quantized.view(), q)).c_str());
}

}  // namespace

int main() {
  using namespace nibble;
  auto values = activations(256, 256);
  auto const x = *make_matrix_view(cuda::std::span<float>(values.data(), values.size()), 256, 256);

  report("NVFP4", x, quantizer<>{});
  report("16x16 tiles", x, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  report("4 or 6", x, quantizer{scaling::four_over_six<>{}});
  report("stochastic, 8 random bits", x,
         quantizer{scaling::amax<>{}, rounding::stochastic<>{{.seed = 7, .stream = 1}}});
  report("random Hadamard transform", x,
         quantizer{scaling::amax<>{}, rounding::nearest_even{}, transform::random_hadamard<16>{}});
  report("MXFP4", x,
         quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{});
  report("FP8 with FP32 scales", x,
         quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>{});
}
