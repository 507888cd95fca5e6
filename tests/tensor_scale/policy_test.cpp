// SPDX-License-Identifier: Apache-2.0
// Which types are tensor scales, and that all of the library's are total.
#include <nibble/tensor_scale/policy.hpp>

#include <doctest/doctest.h>

#include <bit>

#include <nibble/nibble.hpp>

#include "support/witness.hpp"

using namespace nibble;

namespace {

struct without_bound {
  static constexpr tensor_scale::granularity shares = tensor_scale::granularity::tensor;
  template <class Element>
  static constexpr tensor_scale::factors from(tensor_amax) noexcept {
    return {};
  }
  template <class Element>
  static constexpr float decode(float, tensor_scale::factors const&) noexcept {
    return 0;
  }
};
struct complete : without_bound {
  static constexpr int bound = 1;
};
static_assert(!tensor_scale::policy<without_bound> && tensor_scale::policy<complete>);
static_assert(!tensor_scale::policy<tensor_amax>);

/// For amaxes of every kind: factors that are numbers, S_enc above 0, S_dec no NaN.
template <class Scale>
int violations() {
  static_assert(tensor_scale::policy<Scale>);
  int wrong = 0;
  auto const check = [&](std::uint32_t bits) {
    auto const f = Scale::template from<fp4_e2m1>({std::bit_cast<float>(bits)});
    bool const good = std::bit_cast<std::uint32_t>(f.amax) == bits && f.encode > 0 &&
                      f.encode <= detail::largest_float && f.decode > 0 &&
                      f.decode <= detail::largest_float;
    float const decoded = Scale::template decode<fp4_e2m1>(448.0f, f);
    wrong += good && (f.amax != f.amax || decoded == decoded) ? 0 : 1;
  };
  for (std::uint32_t const bits : witness::special_floats) {
    check(bits & oracle::magnitude_mask);
  }
  for (std::uint32_t bits = 0; bits < oracle::infinity_bits; bits += 0xFFFF) {
    check(bits);
  }
  return wrong;
}

}  // namespace

TEST_CASE("rows have amaxes of their own by row and by part of a row") {
  using enum tensor_scale::granularity;
  for (auto const shares : {none, tensor}) CHECK_FALSE(tensor_scale::is_per_row(shares));
  for (auto const shares : {row, block_128}) CHECK(tensor_scale::is_per_row(shares));
}

// bugs: A8
TEST_CASE("every tensor scale is total: usable factors for any amax") {
  CHECK(violations<tensor_scale::none>() == 0);
  CHECK(violations<tensor_scale::current<>>() == 0);
  CHECK(violations<tensor_scale::current<256>>() == 0);
  CHECK(violations<tensor_scale::delayed<>>() == 0);
  CHECK(violations<tensor_scale::per_row<>>() == 0);
  CHECK(violations<tensor_scale::per_block_128<>>() == 0);
}
