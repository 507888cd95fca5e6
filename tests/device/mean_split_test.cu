// SPDX-License-Identifier: Apache-2.0
// The mean split on the device: the host's bytes.
#include <doctest/doctest.h>

#include <nibble/device/mean_split.cuh>
#include <nibble/mean_split.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;

TEST_CASE("means, what is left, and the rank-one term are the host's, bit for bit") {
  if (!fixture::has_device()) return;
  cuda::stream_ref const stream{cudaStream_t{}};
  for (auto const& [rows, columns] :
       {std::pair<matrix_index, matrix_index>{1, 5}, {130, 97}, {300, 32}}) {
    auto host = fixture::filled<float>(rows, columns, 3);
    host(0, 0) = 0x1.8p-135f;
    host(0, 1) = 3e38f;
    managed<float> in(host.values), rest(host.values.size()),
        means(static_cast<std::size_t>(columns)), term(static_cast<std::size_t>(rows));
    auto const view = in.view(rows, columns);
    REQUIRE(device::column_means(stream, view, means.span()) == device::status::success);
    REQUIRE(device::centered(stream, view, means.span(), rest.view(rows, columns)) ==
            device::status::success);
    REQUIRE(device::times_rows(stream, view, means.span(), term.span()) == device::status::success);
    auto const expected_means = column_means(host.view());
    auto const expected_rest = centered(host.view(), expected_means);
    auto const expected_term = times_rows(host.view(), expected_means);
    CHECK(means.values() == expected_means);
    CHECK(term.values() == expected_term);
    auto const got_rest = rest.values();
    CHECK(std::vector<float>(got_rest.begin(), got_rest.begin() + rows * columns) == expected_rest);

    auto expected = host;
    add_rank_one(expected.view(), 3.0f, expected_term, expected_means);
    add_rank_one(expected.view(), 1.0f, {}, expected_means);
    REQUIRE(device::add_rank_one(stream, view, 3.0f, term.span(), means.span()) ==
            device::status::success);
    REQUIRE(device::add_rank_one(stream, view, 1.0f, {}, means.span()) == device::status::success);
    CHECK(in.values() == expected.values);
  }
}

TEST_CASE("a sum that is NaN is the host's NaN") {
  if (!fixture::has_device()) return;
  cuda::stream_ref const stream{cudaStream_t{}};
  float const infinity = nibble::detail::float_from_bits(nibble::detail::infinity_bits);
  managed<float> in(std::vector<float>{infinity, -infinity, -infinity, infinity}),
      ones(std::vector<float>{1, 1}), means(2), term(2);
  REQUIRE(device::column_means(stream, in.view(2, 2), means.span()) == device::status::success);
  REQUIRE(device::times_rows(stream, in.view(2, 2), ones.span(), term.span()) ==
          device::status::success);
  for (auto const& made : {means.values(), term.values()}) {
    for (float const each : made) CHECK(nibble::detail::float_bits(each) == 0x7FC0'0000u);
  }
}

TEST_CASE("a split of other shapes is refused") {
  cuda::stream_ref const stream{cudaStream_t{}};
  float values[6] = {};
  auto const view = *make_matrix_view(cuda::std::span<float>(values, 6), 2, 3);
  cuda::std::span<float> const two(values, 2), three(values, 3);
  CHECK(device::column_means(stream, view, two) == device::status::shape_mismatch);
  CHECK(device::centered(stream, view, three, transposed(view)) == device::status::shape_mismatch);
  CHECK(device::times_rows(stream, view, two, two) == device::status::shape_mismatch);
  CHECK(device::add_rank_one(stream, view, 1.0f, three, three) == device::status::shape_mismatch);
}
