// SPDX-License-Identifier: Apache-2.0
// The device's report is the host's: counts always, sums where they are exact, and the same in every run.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <nibble/device/metrics.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

namespace {

struct both_reports {
  error_report host, device;
};

/// The report of both sides on one quantized matrix; the amax given, or found where it is 0.
template <class Quantizer>
both_reports reports(fixture::matrix<float> const& values, Quantizer const& q, float amax = 0) {
  quantized_by<Quantizer> made(shape_for<Quantizer>(values.rows, values.columns));
  if (amax > 0) {
    made.view().amax(0, 0) = amax;
    quantize_with_amax(values.view(), made.view(), q);
  } else {
    quantize(values.view(), made.view(), q);
  }
  fixture::on_device<float> const in(values);
  fixture::guarded_matrix<typename Quantizer::block_type> quantized(made);
  fixture::device_vector<error_report> workspace(device::compare_pieces), result(1);
  cuda::std::span<error_report> const pieces(workspace.data(), workspace.size());
  CHECK(device::compare(fixture::default_stream, in.view, quantized.view(), q, pieces,
                        result.data()) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return {compare(values.view(), made.view(), q), fixture::copied(result)[0]};
}

void check_counts(both_reports const& r) {
  CHECK(r.device.count == r.host.count);
  CHECK(r.device.nan_count == r.host.nan_count);
  CHECK(r.device.flushed == r.host.flushed);
  CHECK(r.device.saturated == r.host.saturated);
  CHECK(r.device.largest_error == r.host.largest_error);
}

}  // namespace

TEST_CASE("where sums are exact the whole report is the host's") {
  if (!fixture::has_device()) return;
  for (auto const& [rows, columns] : {std::pair{256, 512}, {33, 70}, {1, 5}, {0, 16}}) {
    // A tensor scale of 1, so that every number of either side has few bits.
    auto const r = reports(fixture::filled(rows, columns, 8), quantizer<>{}, 2688.0f);
    check_counts(r);
    CHECK(r.device.sum_squares == r.host.sum_squares);
    CHECK(r.device.sum_squared_error == r.host.sum_squared_error);
    CHECK(r.device.sum_error == r.host.sum_error);
    CHECK((rows == 0 || r.host.sum_squared_error > 0));
  }
}

TEST_CASE("elsewhere counts are equal, sums close and the same each time") {
  if (!fixture::has_device()) return;
  auto values = fixture::filled(200, 300, 9);
  values(7, 7) = std::numeric_limits<float>::quiet_NaN();
  values(8, 8) = -0x1p-149f;  // flushed, and counted so
  quantizer const q{scaling::amax<>{}, rounding::stochastic<>{{1, 2}},
                    transform::random_hadamard<16>{}};
  quantizer<nvfp4_block, scaling::amax<scaling::tile::square>> const tiles;
  auto const close = [](double a, double b) {
    return std::fabs(a - b) <= 1e-11 * (std::fabs(b) + 1);
  };
  auto const check = [&](auto const& policy, float amax) {
    auto const r = reports(values, policy, amax), again = reports(values, policy, amax);
    check_counts(r);
    CHECK(close(r.device.sum_squares, r.host.sum_squares));
    CHECK(close(r.device.sum_squared_error, r.host.sum_squared_error));
    CHECK(close(r.device.sum_error, r.host.sum_error));
    CHECK(r.device.sum_squares == again.device.sum_squares);
    CHECK(r.device.sum_error == again.device.sum_error);
  };
  check(q, 0);
  check(tiles, 20.0f);  // an amax of an earlier step: much saturates
  CHECK(reports(values, tiles, 20.0f).device.saturated > 0);
  CHECK(reports(values, tiles, 0).device.flushed > 0);
  CHECK(reports(values, tiles, 0).device.nan_count == 1);
}

TEST_CASE("another shape and too little workspace are refused") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  fixture::on_device<float> const in(fixture::filled(16, 32));
  fixture::guarded_matrix<nvfp4_block> other(shape_for<q>(16, 64)), right(shape_for<q>(16, 32));
  fixture::device_vector<error_report> workspace(device::compare_pieces);
  cuda::std::span<error_report> const pieces(workspace.data(), workspace.size());
  CHECK(device::compare(fixture::default_stream, in.view, other.view(), q{}, pieces, nullptr) ==
        device::status::shape_mismatch);
  CHECK(device::compare(fixture::default_stream, in.view, right.view(), q{}, pieces.first(10),
                        nullptr) == device::status::workspace_too_small);
}
