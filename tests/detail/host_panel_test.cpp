// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/detail/host_panel.hpp>

#include "support/matrices.hpp"

TEST_CASE("a panel is the piece of the matrix, zero beyond its edge, for every stride") {
  auto const plain = fixture::filled<nibble::bf16>(50, 70, 3);
  auto const gaps = fixture::restrided(plain, 150, 2);
  auto const turned = fixture::restrided(plain, 1, 53);  // rows run fastest: read through tiles
  for (auto const* values : {&plain, &gaps, &turned}) {
    nibble::detail::panel panel(48, 64);
    panel.read(values->view(), 20, 33, 48, 64);
    int differences = 0;
    for (int r = 0; r < 48; ++r) {
      for (int c = 0; c < 64; ++c) {
        bool const inside = r < 30 && c < 37;
        float const expected = inside ? static_cast<float>(plain(r + 20, c + 33)) : 0.0f;
        differences += panel.row(r)[c] != expected;
      }
    }
    CHECK(differences == 0);
  }
}

TEST_CASE("a turned panel is the transpose") {
  auto const values = fixture::filled(32, 48, 3);
  nibble::detail::panel panel(32, 48), turned(48, 32);
  panel.read(values.view(), 0, 0, 32, 48);
  turned.turn(panel);
  CHECK(turned.rows() == 48);
  int differences = 0;
  for (int r = 0; r < 32; ++r) {
    for (int c = 0; c < 48; ++c) differences += turned.row(c)[r] != panel.row(r)[c];
  }
  CHECK(differences == 0);
}

TEST_CASE("a piece of parallel work has about 2^15 elements, and at least one row of groups") {
  CHECK(nibble::detail::grain_for(1, 1024) == 32);
  CHECK(nibble::detail::grain_for(16, 1 << 20) == 1);
  CHECK(nibble::detail::grain_for(1, 0) == 32768);
}
