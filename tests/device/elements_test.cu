// SPDX-License-Identifier: Apache-2.0
// Loops over whole matrices: every element once, and sums in the host's order.
#include <doctest/doctest.h>

#include <nibble/device/elements.cuh>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;

namespace {

struct count_visits {
  int* visits;
  matrix_index columns;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    atomicAdd(visits + i * columns + j, 1);
  }
};
struct keep {
  double* to;
  __device__ void operator()(matrix_index i, double sum) const { to[i] = sum; }
};

}  // namespace

TEST_CASE("every element is visited once") {
  if (!fixture::has_device()) return;
  managed<int> visits(std::size_t{300} * 777);
  REQUIRE(device::detail::for_each_element(nullptr, 300, 777,
                                           count_visits{visits.span().data(), 777}) ==
          device::status::success);
  int wrong = 0;
  for (int v : visits.values()) wrong += v != 1;
  CHECK(wrong == 0);
  CHECK(device::detail::for_each_element(nullptr, 0, 777, count_visits{}) ==
        device::status::success);
}

TEST_CASE("sums of squares along rows and columns are those of a loop, bit for bit") {
  if (!fixture::has_device()) return;
  for (auto const& [rows, columns] : {std::pair{1, 1}, {33, 128}, {5, 1000}, {70, 129}, {3, 0}}) {
    auto host = fixture::filled<float>(rows, columns, 5);
    for (std::size_t i = 0; i < host.values.size(); i += 7) host.values[i] *= 0x1.234566p40f;
    if (columns > 0) host(0, 0) = 0x1p-140f;  // subnormal
    managed<float> in(host.values);
    for (bool const is_turned : {false, true}) {
      auto const view = in.view(rows, columns);
      matrix_index const count = is_turned ? columns : rows;
      managed<double> sums(static_cast<std::size_t>(count));
      auto const status =
          is_turned ? device::detail::for_each_sum(nullptr, transposed(view),
                                                   device::detail::squared_terms{},
                                                   keep{sums.span().data()})
                    : device::detail::for_each_sum(nullptr, view, device::detail::squared_terms{},
                                                   keep{sums.span().data()});
      REQUIRE(status == device::status::success);
      auto const got = sums.values();
      int wrong = 0;
      for (matrix_index i = 0; i < count; ++i) {
        double sum = 0;
        for (matrix_index k = 0; k < (is_turned ? rows : columns); ++k) {
          auto const value = static_cast<double>(is_turned ? host(k, i) : host(i, k));
          sum += value * value;
        }
        wrong += got[static_cast<std::size_t>(i)] != sum;
      }
      CAPTURE(rows);
      CAPTURE(is_turned);
      CHECK(wrong == 0);
    }
  }
}
