// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/device/workspace.cuh>

using nibble::device::workspace;
using nibble::device::detail::arena;

TEST_CASE("arrays are cut on 256-byte boundaries, and counting cuts the same") {
  alignas(256) static unsigned char memory[2048];
  arena counted, cut(workspace{memory, sizeof(memory)});
  for (auto const count : {1, 64, 65, 0, 3}) {
    CHECK(counted.take<float>(count) == nullptr);
    auto* const array = cut.take<float>(count);
    CHECK(reinterpret_cast<unsigned char*>(array) == memory + cut.used() - (count * 4 + 255) / 256 * 256);
    CHECK(cut.used() == counted.used());
  }
  CHECK(cut.used() == 256 + 256 + 512 + 0 + 256);
  CHECK(cut.rest({memory, sizeof(memory)}).data == memory + cut.used());
  CHECK(cut.rest({memory, sizeof(memory)}).bytes == sizeof(memory) - cut.used());
}

TEST_CASE("what was cut fits a workspace of that size on a 256-byte boundary, and no other") {
  alignas(256) static unsigned char memory[1024];
  arena a;
  CHECK(a.fits({}));
  static_cast<void>(a.take<char>(257));
  CHECK(a.fits({memory, 512}));
  CHECK(!a.fits({memory, 511}));
  CHECK(!a.fits({memory + 16, 1000}));
  CHECK(!a.fits({nullptr, 512}));
}

TEST_CASE("floats as a matrix, rows one after the other") {
  float memory[6] = {};
  auto const m = nibble::device::detail::matrix_at(memory, 2, 3);
  CHECK(m.extent(0) == 2);
  CHECK(m.extent(1) == 3);
  CHECK(&m(1, 2) == memory + 5);
  CHECK(nibble::device::detail::matrix_at(nullptr, 0, 3).extent(0) == 0);
}
