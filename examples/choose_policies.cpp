// SPDX-License-Identifier: Apache-2.0
// The same matrix under several quantizers: what each policy costs, in decibels.
#include <nibble/matrix.hpp>

#include <cstdio>
#include <vector>

namespace {

/// A bell curve, and one feature thirty times as large.
std::vector<float> activations(nibble::matrix_index rows, nibble::matrix_index columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  nibble::random::philox4x32<> const source{.seed = 1, .stream = 0};
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const words = source(i);
    double sum = -2;  // of four uniform numbers: close enough to a bell
    for (auto const word : words.value) sum += static_cast<double>(word) * 0x1p-32;
    values[i] = static_cast<float>(i % static_cast<std::size_t>(columns) == 5 ? 30 * sum : sum);
  }
  return values;
}

template <class Quantizer>
double report(char const* name, nibble::matrix_view<float> const& x, Quantizer const& q) {
  auto const quantized = nibble::quantized(x, q);
  auto const found = nibble::compare(x, quantized.view(), q);
  std::printf("%-26s %5.2f dB, %6.3f %% to zero\n", name, found.sqnr_db(),
              100 * found.flushed_share());
  return found.sqnr_db();
}

}  // namespace

int main() {
  using namespace nibble;
  auto values = activations(256, 256);
  auto const x = *make_matrix_view(cuda::std::span<float>(values.data(), values.size()), 256, 256);

  double const plain = report("NVFP4", x, quantizer<>{});
  double const tiles =
      report("16x16 tiles", x, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  double const four_or_six = report("4 or 6", x, quantizer{scaling::four_over_six<>{}});
  report("stochastic, 8 random bits", x,
         quantizer{scaling::amax<>{}, rounding::stochastic<>{{.seed = 7, .stream = 1}}});
  report("random Hadamard transform", x,
         quantizer{scaling::amax<>{}, rounding::nearest_even{}, transform::random_hadamard<16>{}});
  report("MXFP4", x,
         quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{});
  double const fp8 =
      report("FP8 with FP32 scales", x,
             quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>{});
  return tiles < plain && plain < four_or_six && four_or_six < fp8 ? 0 : 1;
}
// NVFP4                      21.59 dB,  9.262 % to zero
// 16x16 tiles                16.57 dB, 14.040 % to zero
// 4 or 6                     21.92 dB, 10.472 % to zero
// stochastic, 8 random bits  17.50 dB,  8.859 % to zero
// random Hadamard transform  19.10 dB,  6.578 % to zero
// MXFP4                      16.23 dB, 16.357 % to zero
// FP8 with FP32 scales       38.26 dB,  0.003 % to zero
