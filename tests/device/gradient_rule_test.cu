// SPDX-License-Identifier: Apache-2.0
// Gradient rules on the device: the host's factors and sums.
#include <doctest/doctest.h>

#include <nibble/device/gradient_rule.cuh>
#include <nibble/gradient/masked.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;

namespace {

/// A view of a matrix's scales, as far as a rule looks at them.
struct scales_of_one {
  float step;
  [[nodiscard]] NIBBLE_HD fp8_e4m3 scale(matrix_index, matrix_index) const {
    return fp8_e4m3(step);
  }
  [[nodiscard]] NIBBLE_HD float amax_of(matrix_index, matrix_index) const { return 2688.0f; }
};

template <class Rule>
int wrong_factors() {
  auto const host = fixture::filled<float>(33, 48, 4);
  managed<float> in(host.values), factors(host.values.size());
  scales_of_one const as{2.0f};
  REQUIRE(device::detail::gradient_factors<Rule, quantizer<>>(
              nullptr, in.view(33, 48), as, factors.span().data()) == device::status::success);
  auto const got = factors.values();
  int wrong = 0, ones = 0;
  for (std::size_t i = 0; i < 33 * 48; ++i) {
    float const encode = scaling::encode_multiplier(2.0f, quantizer<>::prepare({2688.0f}));
    float const expected = Rule::template factor<fp4_e2m1>(arch::multiply(host.values[i], encode));
    wrong += got[i] != expected;
    ones += got[i] == 1.0f;
  }
  CHECK(ones > 0);
  CHECK(ones < 33 * 48);
  return wrong;
}

}  // namespace

TEST_CASE("factors are those of the rule, for values within the range and beyond") {
  if (!fixture::has_device()) return;
  CHECK(wrong_factors<gradient::masked>() == 0);
  managed<float> out({1.0f, -2.0f, 3.0f, 4.0f}), factors({0.0f, 1.0f, 3.0f, 0.5f}),
      fresh({5.0f, 5.0f, 5.0f, 5.0f});
  auto const view = out.view(2, 2);
  REQUIRE(device::detail::scale_by(nullptr, view, factors.span().data()) ==
          device::status::success);
  REQUIRE(device::detail::add_scaled(nullptr, view, fresh.span().data(), factors.span().data()) ==
          device::status::success);
  CHECK(out.values() == std::vector<float>{0.0f, 3.0f, 24.0f, 4.5f});
}
