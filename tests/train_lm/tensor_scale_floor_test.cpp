// SPDX-License-Identifier: Apache-2.0
// The regression that AMD's ALTO reports: a floor under the FP32 tensor scale lets the error of small
// gradients explode. This library has none: the relative error does not know how large they are.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "nibble/dequantize.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "train_lm/counter_random.hpp"

namespace {
using current = nibble::tensor_scale::current<>;

/// What must not be: the tensor scale S_dec stops shrinking at the least E4M3 number, 2^-9.
struct floored : current {
  static constexpr float least = 0x1p-9f;

  template <class Element>
  [[nodiscard]] static constexpr nibble::tensor_scale::factors from(
      nibble::tensor_amax amax) noexcept {
    float const smallest = least * range<Element>;
    return current::from<Element>({amax.value < smallest ? smallest : amax.value});
  }
};

template <class Outer>
using gradients =
    nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::row, Outer>,
                      nibble::rounding::stochastic<>>;

/// The relative squared error of one stochastic quantization of 64 x 256 numbers up to `amax`.
template <class Outer>
double relative_error(double amax) {
  std::vector<float> values(64 * 256), back(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    double const unit = 2 * train_lm::random_unit(3, 0, i) - 1;
    values[i] = static_cast<float>(amax * unit * unit * unit);
  }
  values[0] = static_cast<float>(amax);
  gradients<Outer> q{};
  q.rounding.source = {11, 0};
  auto const in = *nibble::make_matrix_view(cuda::std::span<float const>(values), 64, 256);
  auto const out = *nibble::make_matrix_view(cuda::std::span<float>(back), 64, 256);
  auto const codes = nibble::quantized(in, q, nibble::threads{1});
  nibble::dequantize(codes.view(), out, q, nibble::domain::original, nibble::threads{1});
  double error = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double const value = static_cast<double>(values[i]);
    double const difference = static_cast<double>(back[i]) - value;
    error += difference * difference;
    squares += value * value;
  }
  return error / squares;
}
}  // namespace

TEST_CASE("train_lm: the error of a stochastic gradient does not depend on how small it is") {
  double const of_one = relative_error<current>(1);
  CHECK(of_one > 0.005);
  CHECK(of_one < 0.05);
  for (double const amax : {1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-16, 1e-20, 1e-24, 1e-28}) {
    CAPTURE(amax);
    CHECK(relative_error<current>(amax) == doctest::Approx(of_one).epsilon(0.05));
  }
}

TEST_CASE("train_lm: powers of two change no bit of the relative error") {
  for (int exponent = -80; exponent <= 40; exponent += 8) {
    CAPTURE(exponent);
    CHECK(relative_error<current>(std::ldexp(1.0, exponent)) == relative_error<current>(1));
  }
}

TEST_CASE("train_lm: a floor under the tensor scale is found out") {
  CHECK(relative_error<floored>(100) == relative_error<current>(100));  // where it does not act
  CHECK(relative_error<floored>(3e-5) > 1.2 * relative_error<current>(3e-5));
  for (double const amax : {1e-6, 1e-10, 1e-20}) {
    CAPTURE(amax);
    CHECK(relative_error<floored>(amax) > 0.9);  // all of it is lost
  }
}
