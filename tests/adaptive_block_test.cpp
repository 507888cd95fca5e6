// SPDX-License-Identifier: Apache-2.0
// Blocks with a choice of tables: every code under either tag, and nearest codes by exhaustive search.
#include <nibble/adaptive_block.hpp>

#include <doctest/doctest.h>

#include <cmath>

#include <nibble/rounding/nearest_even.hpp>
#include <nibble/rounding/stochastic.hpp>

namespace {

using namespace nibble;

// The tables, by hand.
constexpr double e2m1[16] = {0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6};
constexpr double sevenths[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, -1, -2, -3, -4, -5, -6, -7};

static_assert(is_adaptive<if4_block> && is_adaptive<razer_block> && !is_adaptive<nvfp4_block>);
static_assert(tagged_e4m3(fp8_e4m3(2.0f), 1).bits() == 0xC0);
static_assert(static_cast<float>(tagged_e4m3::from_bits(0xC0)) == 2.0f);

/// The smallest distance of a value to a table of 16.
template <class Table>
double nearest(double value, int tag) {
  double best = INFINITY;
  for (std::uint32_t code = 0; code < 16; ++code) {
    best = std::fmin(best, std::fabs(static_cast<double>(Table::value(code, tag)) - value));
  }
  return best;
}

template <class Table>
void picks_the_nearest() {
  int wrong = 0;
  for (int tag = 0; tag < 2; ++tag) {
    for (int i = -7000; i <= 7000; i += 16) {
      float scaled[16];
      for (int j = 0; j < 16; ++j) scaled[j] = static_cast<float>(i + j) / 1000;
      auto const codes = Table::encode(rounding::nearest_even{}, scaled, tag, 0);
      for (int j = 0; j < 16; ++j) {
        double const value = static_cast<double>(scaled[j]);
        double const distance =
            std::fabs(static_cast<double>(Table::value(codes[j].bits(), tag)) - value);
        wrong += distance > nearest<Table>(value, tag) + 1e-6;
      }
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("if4 codes are E2M1 under tag 0 and sevenths of six under tag 1") {
  for (std::uint32_t code = 0; code < 16; ++code) {
    CHECK(static_cast<double>(e2m1_or_int4::value(code, 0)) == e2m1[code]);
    CHECK(std::fabs(static_cast<double>(e2m1_or_int4::value(code, 1)) - sevenths[code] * 6 / 7) < 1e-6);
  }
  CHECK(e2m1_or_int4::value(7, 1) == 6.0f);
}

TEST_CASE("razer codes are E2M1 but for -0, which is 5 or -5") {
  for (std::uint32_t code = 0; code < 16; ++code) {
    for (int tag = 0; tag < 2; ++tag) {
      double const expected = code == 8 ? (tag == 0 ? 5 : -5) : e2m1[code];
      CHECK(static_cast<double>(e2m1_with_five::value(code, tag)) == expected);
    }
  }
}

TEST_CASE("values go to the nearest entry of the table") {
  picks_the_nearest<e2m1_or_int4>();
  picks_the_nearest<e2m1_with_five>();
}

TEST_CASE("razer never writes the special code for a zero") {
  float zeros[16] = {-0.0f, 0.0f, -0.1f, 0.1f};
  for (int tag = 0; tag < 2; ++tag) {
    auto const codes = e2m1_with_five::encode(rounding::nearest_even{}, zeros, tag, 0);
    for (int i = 0; i < 16; ++i) CHECK(codes[i].bits() == 0);
  }
}

TEST_CASE("if4 integers are rounded stochastically where the policy asks: the mean is the value") {
  double sum = 0;
  int const draws = 4096;
  for (int draw = 0; draw < draws; ++draw) {
    rounding::stochastic<16> const rounding{{1, static_cast<std::uint64_t>(draw)}};
    float const scaled[16] = {1.3f, 1.3f, 1.3f, 1.3f, 1.3f, 1.3f, 1.3f, 1.3f,
                              1.3f, 1.3f, 1.3f, 1.3f, 1.3f, 1.3f, 1.3f, 1.3f};
    auto const codes = e2m1_or_int4::encode(rounding, scaled, 1, 0);
    for (int i = 0; i < 16; ++i) sum += static_cast<double>(e2m1_or_int4::value(codes[i].bits(), 1));
  }
  // A step of 6/7 and 65536 draws: a standard deviation of the mean of at most 0.0017.
  CHECK(std::fabs(sum / (16 * draws) - 1.3) < 0.007);
}
