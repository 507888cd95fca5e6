// SPDX-License-Identifier: Apache-2.0
// The exponential against the C library in double, and that sums keep to their order.
#include "train_lm/vector_math.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "train_lm/counter_random.hpp"

using namespace train_lm;

TEST_CASE("train_lm: exponential is within two units in the last place") {
  double worst = 0;
  for (std::uint64_t i = 0; i < 200000; ++i) {
    auto const x = static_cast<float>(random_unit(1, 0, i) * 174 - 87);
    double const exact = std::exp(static_cast<double>(x));
    double const error = std::abs(static_cast<double>(exponential(x)) - exact) / exact;
    worst = std::max(worst, error);
  }
  CHECK(worst < 0x1p-22);
  CHECK(exponential(0.0f) == 1.0f);
  CHECK(exponential(-1000.0f) < 2e-38f);
  CHECK(exponential(-1000.0f) > 0.0f);
  CHECK(std::isfinite(exponential(1000.0f)));
}

TEST_CASE("train_lm: sigmoid and softplus are right at both ends") {
  CHECK(sigmoid(0.0) == 0.5);
  CHECK(sigmoid(-30.0f) == doctest::Approx(9.357622968840175e-14).epsilon(1e-5));
  CHECK(sigmoid(30.0f) == 1.0f);
  CHECK(softplus(0.0) == doctest::Approx(0.6931471805599453));
  CHECK(softplus(50.0f) == 50.0f);
  CHECK(softplus(-20.0) == doctest::Approx(2.0611536181902037e-9));
}

TEST_CASE("train_lm: dot and sum give the same bits wherever the array starts") {
  for (extent const count : {1, 15, 16, 17, 100, 192}) {
    std::vector<float> reference;
    for (std::size_t shift = 0; shift < 17; ++shift) {
      std::vector<float> a(shift + 200), b = a;
      for (extent i = 0; i < count; ++i) {
        auto const at = static_cast<std::size_t>(i) + shift;
        a[at] = static_cast<float>(random_unit(2, 0, static_cast<std::uint64_t>(i)) - 0.4);
        b[at] = static_cast<float>(random_unit(3, 0, static_cast<std::uint64_t>(i)) - 0.4);
      }
      std::vector<float> const result{dot(a.data() + shift, b.data() + shift, count),
                                      sum(a.data() + shift, count)};
      if (shift == 0) reference = result;
      CHECK(result == reference);
    }
    double exact = 0;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
      exact += (random_unit(2, 0, i) - 0.4) * (random_unit(3, 0, i) - 0.4);
    }
    CHECK(static_cast<double>(reference[0]) == doctest::Approx(exact).epsilon(1e-5));
  }
}
