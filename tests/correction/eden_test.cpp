// SPDX-License-Identifier: Apache-2.0
// MS-EDEN: every random number of a scale, the sums against exact ones, and the mean over rotations.
#include <nibble/correction/eden.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <nibble/matrix.hpp>
#include <nibble/scaling/clipped.hpp>
#include <nibble/transform/fresh_hadamard.hpp>

namespace {

using namespace nibble;
using outer = tensor_scale::current<256>;
using clipped = scaling::clipped<1581, 1600, scaling::tile::row, outer>;
using eden_quantizer = quantizer<nvfp4_block, clipped, rounding::nearest_even,
                                 transform::fresh_hadamard<128>, correction::eden<>>;
using rounded_quantizer =
    quantizer<nvfp4_block, clipped, rounding::nearest_even, transform::fresh_hadamard<128>>;
static_assert(eden_quantizer::group.columns == 128);

/// Normal numbers, by the sum of twelve of a linear congruence: near enough, and everywhere the same.
class normal_numbers {
 public:
  float operator()() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<double>(state_ >> 11) * 0x1p-53;
    }
    return static_cast<float>(sum);
  }

 private:
  std::uint64_t state_ = 88172645463325252u;
};

matrix_view<float const> view_of(std::vector<float> const& values, matrix_index columns) {
  return *make_matrix_view<float const>(
      cuda::std::span<float const>(values.data(), values.size()),
      static_cast<matrix_index>(values.size()) / columns, columns);
}

}  // namespace

TEST_CASE("over all random numbers the mean of a rescaled scale is the scale times the factor") {
  using correct = correction::eden<128, 16>;
  for (std::uint32_t const bits : {1u, 7u, 8u, 30u, 56u, 91u, 119u, 125u}) {
    auto const scale = fp8_e4m3::from_bits(bits);
    for (float const factor : {0.97f, 1.0f, 1.004f, 1.03f, 1.11f}) {
      float const ideal = static_cast<float>(scale) * factor;
      if (ideal > 448.0f) continue;
      double sum = 0;
      float low = INFINITY, high = 0;
      for (std::uint32_t random = 0; random < 65536; ++random) {
        auto const drawn = static_cast<float>(correct::rescaled(scale, factor, random));
        sum += static_cast<double>(drawn);
        low = std::min(low, drawn);
        high = std::max(high, drawn);
      }
      // One of the two neighbours, and the mean at most 2^-16 of their distance below.
      double const step = static_cast<double>(high) - static_cast<double>(low);
      double const error = static_cast<double>(ideal) - sum / 65536;
      CHECK(low <= ideal);
      CHECK(ideal <= high);
      CHECK(error >= 0);
      CHECK(error <= step / 65536);
    }
  }
}

TEST_CASE("the factor is the exact ratio of inner products, and scales are the only thing changed") {
  normal_numbers normal;
  float values[1][128];
  for (float& value : values[0]) value = normal() * 0.01f;
  auto const amax = tensor_amax{scaling::tile_amax(values)};
  using nearest = quantizer<nvfp4_block, clipped, rounding::nearest_even, transform::hadamard<128>>;
  auto const f = nearest::prepare(amax);
  auto const plain = nearest{}.encode(values, f);
  double squares = 0, products = 0;
  for (int b = 0; b < 8; ++b) {
    auto const& block = plain.blocks[0][b];
    for (int i = 0; i < 16; ++i) {
      double const x = static_cast<double>(values[0][b * 16 + i]);
      squares += x * x;
      products += x * static_cast<double>(static_cast<float>(block.codes[i])) *
                  static_cast<double>(static_cast<float>(block.scale)) *
                  static_cast<double>(amax.value) / 1536;
    }
  }
  double const factor = squares / products;
  CHECK(factor > 1.0);
  CHECK(factor < 1.05);
  double mean[8]{};
  int const draws = 4096;
  for (int draw = 0; draw < draws; ++draw) {
    auto corrected = plain;
    correction::eden<>{{1, static_cast<std::uint64_t>(draw)}}.apply(values, f, {}, corrected);
    for (int b = 0; b < 8; ++b) {
      mean[b] += static_cast<double>(static_cast<float>(corrected.blocks[0][b].scale)) / draws;
      for (int i = 0; i < 16; ++i) {
        REQUIRE(corrected.blocks[0][b].codes[i].bits() == plain.blocks[0][b].codes[i].bits());
      }
    }
  }
  for (int b = 0; b < 8; ++b) {
    double const ideal = static_cast<double>(static_cast<float>(plain.blocks[0][b].scale)) * factor;
    // A step is at most 1/8 of the scale; the mean of 4096 draws of a coin strays by step / 128, 5
    // deviations of that are 4 % of a step.
    CHECK(std::fabs(mean[b] - ideal) < 0.04 * ideal / 8);
  }
}

TEST_CASE("scales draw from calls of their own, the same wherever a group is worked on") {
  normal_numbers normal;
  std::vector<float> values(4 * 256);
  for (float& value : values) value = normal();
  eden_quantizer q{};
  q.correction.source = {5, 6};
  auto const whole = quantized(view_of(values, 256), q, threads{1});
  auto const again = quantized(view_of(values, 256), q, threads{3});
  CHECK(whole.code_bytes() == again.code_bytes());
  bool all_equal = true;
  auto const view = whole.view();
  tensor_amax const amax{whole.amax()[0]};
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 256; c += 128) {
      auto const group = q([&](int, int j) { return values[static_cast<std::size_t>(r * 256 + c + j)]; },
                           amax, static_cast<std::uint64_t>(r * 256 + c));
      for (int b = 0; b < 8; ++b) {
        all_equal = all_equal && group.blocks[0][b].scale == view.scale(r, c / 16 + b);
      }
    }
  }
  CHECK(all_equal);
  // The words of a scale are those of call 2^63 + index / 128, half word by half word.
  random::words const words = random::philox4x32<>{5, 6}(std::uint64_t{1} << 63 | 3);
  auto row = rounded_quantizer{};
  float transformed[1][128];
  row.load([&](int, int j) { return values[static_cast<std::size_t>(384 + j)]; }, transformed);
  auto const plain = row.encode(transformed, row.prepare(amax));
  auto corrected = plain;
  q.correction.apply(transformed, row.prepare(amax), std::uint64_t{384}, corrected);
  float squares = 0, products = 0;
  for (int b = 0; b < 8; ++b) {
    float s = 0, p = 0;
    for (int i = 0; i < 16; ++i) {
      float const x = transformed[0][b * 16 + i] * row.prepare(amax).encode;
      float const code = static_cast<float>(plain.blocks[0][b].codes[i]) *
                         static_cast<float>(plain.blocks[0][b].scale);
      float const square = x * x, product = x * code;
      s += square;
      p += product;
    }
    squares += s;
    products += p;
  }
  for (int b = 0; b < 8; ++b) {
    std::uint32_t const bits = words.value[b / 2] >> (16 * (b % 2)) & 0xFFFFu;
    CHECK(corrected.blocks[0][b].scale ==
          correction::eden<>::rescaled(plain.blocks[0][b].scale, squares / products, bits));
  }
}

TEST_CASE("the mean over fresh rotations falls on the 1/B line, and without the factor it does not") {
  // 64 vectors, B = 1024 rotations: an unbiased estimator's squared error falls by 1024 (a spread of
  // a few percent); nearest rounding alone shrinks, and stops at its bias.
  normal_numbers normal;
  int const vectors = 64, draws = 1024;
  std::vector<float> values(static_cast<std::size_t>(vectors * 128));
  for (float& value : values) value = normal();
  double squares = 0;
  for (float const value : values) squares += static_cast<double>(value) * static_cast<double>(value);
  auto const error_of_mean = [&](auto quantizer_for) {
    std::vector<double> sum(values.size());
    double first = 0;
    for (int draw = 1; draw <= draws; ++draw) {
      auto const q = quantizer_for(random::philox4x32<>{11, static_cast<std::uint64_t>(draw)});
      std::vector<float> back(values.size());
      auto const out = *make_matrix_view(cuda::std::span<float>(back.data(), back.size()), vectors, 128);
      dequantize(quantized(view_of(values, 128), q, threads{1}).view(), out, q, domain::original,
                 threads{1});
      double error = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        sum[i] += static_cast<double>(back[i]);
        double const e = sum[i] / draw - static_cast<double>(values[i]);
        error += e * e;
      }
      if (draw == 1) first = error / squares;
      if (draw == draws) return std::pair(first, error / squares);
    }
    return std::pair(0.0, 0.0);
  };
  auto const [one, many] = error_of_mean([](random::philox4x32<> source) {
    eden_quantizer q{};
    q.correction.source = source;
    q.transform = transform::fresh_hadamard<128>::drawn(source);
    return q;
  });
  CHECK(one > 0.0088);
  CHECK(one < 0.0108);  // -20.13 dB, published
  CHECK(many * draws / one > 0.8);
  CHECK(many * draws / one < 1.25);
  auto const [one_plain, many_plain] = error_of_mean([](random::philox4x32<> source) {
    rounded_quantizer q{};
    q.transform = transform::fresh_hadamard<128>::drawn(source);
    return q;
  });
  CHECK(many_plain * draws / one_plain > 4);
}
