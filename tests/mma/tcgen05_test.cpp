// SPDX-License-Identifier: Apache-2.0
// The descriptors against values of other programs, against their fields one by one, and against the
// layouts that they describe.
#include <doctest/doctest.h>

#include <set>

#include <nibble/layout/scale_tile_128x4.hpp>
#include <nibble/mma/tcgen05.hpp>
#include <nibble/view.hpp>

namespace {

namespace tcgen05 = nibble::mma::tcgen05;
using tcgen05::code_tile;
using tcgen05::instruction_descriptor;
using tcgen05::scale_tile;

constexpr std::uint64_t bits(std::uint64_t word, int high, int low) {
  return word >> low & ((std::uint64_t{1} << (high - low + 1)) - 1);
}

/// The byte of a tile that hardware reads for (row, byte): atoms of 8 rows of 128 bytes `stride`
/// apart, and bits 6:4 of the address flipped by bits 9:7.
constexpr std::uint64_t read_by_hardware(std::uint64_t descriptor, int row, int byte) {
  std::uint64_t const start = bits(descriptor, 13, 0) << 4, stride = bits(descriptor, 45, 32) << 4;
  std::uint64_t const address = start + static_cast<std::uint64_t>(row / 8) * stride +
                                static_cast<std::uint64_t>(row % 8 * 128 + byte);
  return bits(descriptor, 63, 61) == 2 ? address ^ bits(address, 9, 7) << 4 : address;
}

}  // namespace

TEST_CASE("instruction descriptors are those of CUTLASS for two shapes") {
  static_assert(instruction_descriptor({128, 256}) == 0x0840'0480u);
  static_assert(instruction_descriptor({256, 128}, true) == 0x10A0'0480u);
}

TEST_CASE("every field of the instruction descriptor is where the tables have it") {
  for (int m = 128; m <= 256; m += 128) {
    for (int n = 16; n <= 256; n += 16) {
      for (int place = 0; place <= 2; place += 2) {
        std::uint64_t const word = instruction_descriptor({m, n}, true, place, 2 - place);
        CHECK(bits(word, 3, 0) == 0);
        CHECK(bits(word, 5, 4) == static_cast<std::uint64_t>(2 - place));
        CHECK(bits(word, 9, 7) == 1);
        CHECK(bits(word, 12, 10) == 1);
        CHECK(bits(word, 16, 13) == 0);
        CHECK(bits(word, 22, 17) * 8 == static_cast<std::uint64_t>(n));
        CHECK(bits(word, 23, 23) == 1);
        CHECK(bits(word, 28, 24) * 16 == static_cast<std::uint64_t>(m));
        CHECK(bits(word, 30, 29) == static_cast<std::uint64_t>(place));
        CHECK(bits(word, 31, 31) == 0);
      }
    }
  }
}

TEST_CASE("shapes and places that do not exist have no descriptor") {
  for (auto const& shape : {tcgen05::product_shape{64, 128}, {128, 4}, {128, 264}, {128, 12}, {256, 8}, {256, 24}}) {
    CHECK(instruction_descriptor(shape) == 0);
  }
  CHECK(instruction_descriptor({128, 128}, false, 2, 0) == 0);
  CHECK(instruction_descriptor({128, 128}, true, 0, 1) == 0);
  CHECK(instruction_descriptor({128, 8}) != 0);
}

TEST_CASE("a tile of codes is read where it was written, for every row, byte and step") {
  constexpr std::uint32_t address = 0x1'8400;
  std::set<int> seen;
  for (int row = 0; row < 256; ++row) {
    for (int byte = 0; byte < 128; ++byte) {
      int const offset = code_tile::offset(row, byte);
      CHECK_MESSAGE(seen.insert(offset).second, "two bytes in one place");
      auto const descriptor = code_tile::descriptor(address, byte / 32);
      bool const is_read =
          read_by_hardware(descriptor, row, byte % 32) == address + static_cast<std::uint64_t>(offset);
      if (!is_read) FAIL("row " << row << ", byte " << byte << " is read elsewhere");
    }
  }
  CHECK(seen.size() == 256 * 128);
  CHECK(bits(code_tile::descriptor(address), 48, 46) == 1);
  CHECK(bits(code_tile::descriptor(address), 60, 49) == 0);
}

TEST_CASE("eight rows that one matrix unit reads lie in different banks") {
  for (int piece = 0; piece < 8; ++piece) {
    std::set<int> banks;
    for (int row = 0; row < 8; ++row) banks.insert(code_tile::offset(row, 16 * piece) % 128 / 16);
    CHECK(banks.size() == 8);
  }
}

TEST_CASE("a copied tile of scales lies where the instruction looks, for every row and block") {
  nibble::layout::scale_tile_128x4::mapping<nibble::matrix_extents> const mapping(
      nibble::matrix_extents(256, 12));
  std::set<int> seen;
  for (int row = 0; row < 256; ++row) {
    for (int block = 0; block < 12; ++block) {
      auto const offset = static_cast<int>(mapping(row, block));
      CHECK(offset / scale_tile::bytes == row / 128 * 3 + block / 4);  // which tile: which copy
      auto const copied = scale_tile::place_of(offset % scale_tile::bytes);
      auto const wanted = scale_tile::place_of_scale(row, block % 4);
      CHECK(copied.lane == wanted.lane);
      CHECK(copied.column == wanted.column);
      CHECK(copied.byte == wanted.byte);
      seen.insert(offset);
    }
  }
  CHECK(seen.size() == 256 * 12);
  // 32 rows of 16 bytes, one after the other, eight of them 128 bytes from the next eight.
  auto const descriptor = scale_tile::descriptor(0x2000);
  for (int row = 0; row < 32; ++row) {
    std::uint64_t const read = (bits(descriptor, 13, 0) << 4) +
                               static_cast<std::uint64_t>(row / 8) * (bits(descriptor, 45, 32) << 4) +
                               static_cast<std::uint64_t>(row % 8 * 16);
    CHECK(read == 0x2000 + static_cast<std::uint64_t>(16 * row));
  }
  CHECK(bits(descriptor, 63, 61) == 0);
}

TEST_CASE("tensor memory is addressed by lane and column") {
  CHECK(tcgen05::tensor_address(0x40, 32, 5) == 0x0020'0045u);
  CHECK(tcgen05::scale_columns(128) == 4);
  CHECK(tcgen05::scale_columns(192) == 8);
  CHECK(tcgen05::scale_columns(256) == 8);
}
