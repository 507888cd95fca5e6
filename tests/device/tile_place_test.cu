// SPDX-License-Identifier: Apache-2.0
// Where the blocks of a tile go: code_target by its own arithmetic, and a thread's blocks as it moves down.
#include <doctest/doctest.h>

#include <nibble/device/tile_place.cuh>

#include "support/device_memory.cuh"

namespace {

namespace kernels = nibble::device::detail;

struct found {
  long long tile, block, next;                    // bytes behind the first
  unsigned long long at_tile, at_block, at_next;  // positions
  int row;
};

/// Of the tile at (256, block 24), the block at (35, 3) and the one four rows down.
template <bool Decoded>
__global__ void find(kernels::code_target<Decoded> target, found* out) {
  kernels::tile_place<Decoded> const place(target, 256, 24, 128, 8);
  kernels::block_place<Decoded> at(place, 35, 3, 0, target.at(256 + 35, 24 + 3));
  out->tile = place.first - target.first;
  out->at_tile = place.position;
  out->block = at.to - target.first;
  out->at_block = at.position;
  at.move(place, 4);
  out->next = at.to - target.first;
  out->at_next = at.position;
  out->row = at.row;
}

template <bool Decoded>
void check(nibble::matrix_index pitch, std::uint64_t columns) {
  fixture::device_vector<std::uint8_t> bytes(1);
  fixture::device_vector<found> out(1);
  find<Decoded><<<1, 1>>>({bytes.data(), pitch, columns}, out.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  found const got = fixture::copied(out)[0];
  long long const each = Decoded ? 32 : 8;
  CHECK(got.tile == 256 * pitch + 24 * each);
  CHECK(got.block == (256 + 35) * pitch + 27 * each);
  CHECK(got.next == (256 + 39) * pitch + 27 * each);
  CHECK(got.at_tile == 256 * columns + 24 * 16);
  CHECK(got.at_block == (256 + 35) * columns + 27 * 16);
  CHECK(got.at_next == (256 + 39) * columns + 27 * 16);
  CHECK(got.row == 39);
}

}  // namespace

TEST_CASE("a block of a tile is where its row and its block say, beyond 2^32 too") {
  if (!fixture::has_device()) return;
  check<false>(512, 1024);
  check<false>(nibble::matrix_index{1} << 33, std::uint64_t{1} << 34);
  check<true>(2048, 1024);
  check<true>(nibble::matrix_index{1} << 35, std::uint64_t{1} << 34);
}
