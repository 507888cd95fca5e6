// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <nibble/metrics.hpp>
#include <nibble/scaling/amax.hpp>
#include <nibble/transform/random_hadamard.hpp>

#include "support/matrices.hpp"

namespace {
using q = nibble::quantizer<>;
}

TEST_CASE("the sums are those of a plain loop over dequantized values") {
  auto const values = fixture::filled(37, 50, 4);
  auto const quantized = nibble::quantized(values.view(), q{});
  fixture::matrix<> back(37, 50);
  nibble::dequantize(quantized.view(), back.view(), q{});
  nibble::error_report expected;
  for (int i = 0; i < 37; ++i) {
    for (int j = 0; j < 50; ++j) {
      double const x = static_cast<double>(values(i, j)), e = static_cast<double>(back(i, j)) - x;
      ++expected.count;
      expected.flushed += x != 0 && back(i, j) == 0;
      expected.sum_squares += x * x;
      expected.sum_squared_error += e * e;
      expected.sum_error += e;
      expected.largest_error = std::fmax(expected.largest_error, std::fabs(e));
    }
  }
  auto const report = nibble::compare(values.view(), quantized.view(), q{});
  CHECK(report.count == expected.count);
  CHECK(report.flushed == expected.flushed);
  CHECK(report.flushed > 0);
  CHECK(report.sum_squares == expected.sum_squares);  // sums of a few bits each: exact in any order
  CHECK(report.largest_error == expected.largest_error);
  CHECK(report.sum_squared_error == doctest::Approx(expected.sum_squared_error).epsilon(1e-12));
  CHECK(report.sqnr_db() == doctest::Approx(-10 * std::log10(report.relative_mse())));
}

TEST_CASE("the report does not depend on the number of threads") {
  auto const values = fixture::filled(2000, 48, 4);
  auto const quantized = nibble::quantized(values.view(), q{});
  auto const one = nibble::compare(values.view(), quantized.view(), q{}, nibble::threads{1});
  auto const three = nibble::compare(values.view(), quantized.view(), q{}, nibble::threads{3});
  CHECK(one.sum_squared_error == three.sum_squared_error);
  CHECK(one.sum_error == three.sum_error);
}

// bugs: A3
TEST_CASE("saturation, flush to zero and NaN are counted, each once") {
  fixture::matrix<> values(1, 16);
  for (int j = 0; j < 16; ++j) values(0, j) = 1.0f;
  values(0, 1) = 1e-6f;
  values(0, 2) = 0.0f;
  values(0, 3) = std::numeric_limits<float>::quiet_NaN();
  nibble::quantized_by<q> out(nibble::shape_for<q>(1, 16));
  out.view().amax(0, 0) = 0.5f;  // stale: the block's amax is twice as large, its scale clamps at 448
  nibble::quantize_with_amax(values.view(), out.view(), q{});
  auto const report = nibble::compare(values.view(), out.view(), q{});
  CHECK(report.saturated == 13);
  CHECK(report.flushed == 1);
  CHECK(report.nan_count == 1);
  CHECK(report.count == 15);
}

TEST_CASE("a transform is compared in its own domain, padding included") {
  using rotated = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>,
                                    nibble::rounding::nearest_even,
                                    nibble::transform::random_hadamard<>>;
  auto const values = fixture::filled(8, 40, 2);
  auto const quantized = nibble::quantized(values.view(), rotated{});
  auto const report = nibble::compare(values.view(), quantized.view(), rotated{});
  CHECK(report.count == 8 * 48);
  CHECK(report.sqnr_db() > 15);
}

TEST_CASE("reports add up, and print for people and programs") {
  auto const values = fixture::filled(10, 32, 2);
  auto const quantized = nibble::quantized(values.view(), q{});
  auto const once = nibble::compare(values.view(), quantized.view(), q{});
  auto twice = once;
  twice += once;
  CHECK(twice.count == 2 * once.count);
  CHECK(twice.relative_mse() == once.relative_mse());
  CHECK(to_string(once).find("SQNR") == 0);
  std::string const heading = nibble::error_report_csv_heading, line = nibble::to_csv(once);
  CHECK(std::count(heading.begin(), heading.end(), ',') == std::count(line.begin(), line.end(), ','));
  CHECK(nibble::error_report{}.relative_mse() == 0);
}

TEST_CASE("a matrix of another shape is refused") {
  auto const quantized = nibble::quantized(fixture::filled(4, 32).view(), q{});
  CHECK_THROWS_WITH_AS((void)nibble::compare(fixture::filled(4, 16).view(), quantized.view(), q{}),
                       "nibble::compare: got a quantized matrix of 4 x 32, need 4 x 16",
                       std::invalid_argument);
}
