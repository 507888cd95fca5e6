// SPDX-License-Identifier: Apache-2.0
// Blocks lie in memory as codes, then scale, without a gap.
#include <nibble/block.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace {

template <class Block>
constexpr bool is_plain = std::is_aggregate_v<Block>&& std::is_standard_layout_v<Block>&&
                              std::is_trivially_copyable_v<Block> &&
                          sizeof(Block) == sizeof(Block::codes) + sizeof(Block::scale);

static_assert(is_plain<nibble::nvfp4_block> && is_plain<nibble::mxfp4_block>);
static_assert(is_plain<nibble::mxfp6_e2m3_block> && is_plain<nibble::mxfp6_e3m2_block>);
static_assert(is_plain<nibble::mxfp8_block> && is_plain<nibble::mxfp8_e5m2_block>);
static_assert(is_plain<nibble::fp8_block>);
static_assert(nibble::nvfp4_block::size == 16 && nibble::mxfp4_block::size == 32);
static_assert(std::is_same_v<nibble::nvfp4_block::element_type, nibble::fp4_e2m1> &&
              std::is_same_v<nibble::nvfp4_block::scale_type, nibble::fp8_e4m3>);
static_assert(std::is_same_v<nibble::mxfp8_block::scale_type, nibble::e8m0>);
static_assert(nibble::mxfp6_e2m3_block::size == 32 && nibble::mxfp6_e3m2_block::size == 32 &&
              nibble::mxfp8_block::size == 32 && nibble::mxfp8_e5m2_block::size == 32);

}  // namespace

// bugs: D8
TEST_CASE("the bytes of a block are its codes and then its scale") {
  nibble::nvfp4_block block{};
  block.codes.set(0, nibble::fp4_e2m1(6.0f));
  block.codes.set(15, nibble::fp4_e2m1(-0.5f));
  block.scale = nibble::fp8_e4m3(1.0f);
  unsigned char bytes[9];
  std::memcpy(bytes, &block, sizeof bytes);
  CHECK(bytes[0] == 0x07);
  CHECK(bytes[7] == 0x90);
  CHECK(bytes[8] == 0x38);
  CHECK(offsetof(nibble::nvfp4_block, scale) == 8);
}
