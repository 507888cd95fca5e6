// SPDX-License-Identifier: Apache-2.0
// The hot channels found on the device: the host's.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include <nibble/device/hot_channels.cuh>
#include <nibble/hot_channels.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;

namespace {

/// Finds the hot channels of matrices whose every fifth column is `common`.
void finds_the_hosts(float common) {
  for (matrix_index const columns : {1, 7, 50, 515}) {
    auto host = fixture::filled<float>(40, columns, 9);
    for (matrix_index i = 0; i < 40; ++i) {
      for (matrix_index j = 3; j < columns; j += 5) host(i, j) = common;
    }
    for (int const percent : {1, 10, 33, 100}) {
      auto const expected = hot_channels(host.view(), percent);
      matrix_index const count = device::detail::hot_count(columns, percent);
      REQUIRE(count == static_cast<matrix_index>(expected.size()));
      managed<float> in(host.values);
      managed<double> sums(static_cast<std::size_t>(columns));
      managed<std::uint8_t> is_hot(static_cast<std::size_t>(columns));
      managed<matrix_index> hot(static_cast<std::size_t>(columns));  // room to see too many
      REQUIRE(device::detail::find_hot_channels(nullptr, in.view(40, columns), count,
                                                sums.span().data(), is_hot.span().data(),
                                                hot.span().data()) == device::status::success);
      CAPTURE(columns);
      CAPTURE(percent);
      CHECK(std::ranges::count(is_hot.values(), 1) == count);
      auto found = hot.values();
      found.resize(static_cast<std::size_t>(count));
      CHECK(found == expected);
    }
  }
}

}  // namespace

TEST_CASE("the hottest columns are the host's, the lower of two equals first") {
  if (!fixture::has_device()) return;
  finds_the_hosts(100.0f);
}

TEST_CASE("of more columns with NaN than are asked for the lower ones are marked, and no more") {
  if (!fixture::has_device()) return;
  finds_the_hosts(std::numeric_limits<float>::quiet_NaN());
}
