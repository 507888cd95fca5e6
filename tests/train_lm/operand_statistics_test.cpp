// SPDX-License-Identifier: Apache-2.0
// What was counted comes back from a checkpoint number for number, and a digest tells bytes apart.
#include "train_lm/operand_statistics.hpp"

#include <doctest/doctest.h>

#include "train_lm/fnv1a.hpp"

using namespace train_lm;

TEST_CASE("train_lm: what a run counted comes back from its checkpoint") {
  operand_statistics counted;
  for (int role = 0; role < 6; ++role) {
    counted.by_role[role] = {role + 100, role + 200, role + 300,   role + 400,
                             role + 0.5, -0.25,      role + 0.125, role + 1e-300};
  }
  tensor_file file;
  add_statistics(file, counted);
  operand_statistics const back = read_statistics(parse_safetensors(format_safetensors(file)));
  for (int role = 0; role < 6; ++role) {
    nibble::error_report const &one = counted.by_role[role], &two = back.by_role[role];
    CHECK(two.count == one.count);
    CHECK(two.nan_count == one.nan_count);
    CHECK(two.flushed == one.flushed);
    CHECK(two.saturated == one.saturated);
    CHECK(two.sum_squares == one.sum_squares);
    CHECK(two.sum_squared_error == one.sum_squared_error);
    CHECK(two.sum_error == one.sum_error);
    CHECK(two.largest_error == one.largest_error);
  }
  file.tensors["run.operands.counts"].shape = {24};
  CHECK_THROWS_AS(read_statistics(file), safetensors_error);
  CHECK_THROWS_AS(read_statistics({}), safetensors_error);
}

TEST_CASE("train_lm: fnv1a gives the published digests") {
  static_assert(fnv1a("") == 0xcbf29ce484222325u);
  static_assert(fnv1a("a") == 0xaf63dc4c8601ec8cu);
  static_assert(fnv1a("foobar") == 0x85944171f73967e8u);
  CHECK(fnv1a("bar", fnv1a("foo")) == fnv1a("foobar"));
}
