// SPDX-License-Identifier: Apache-2.0
// What counts as a correction: the library's own, one of a user's, and what does not.
#include <nibble/correction/policy.hpp>

#include <doctest/doctest.h>

#include <nibble/correction/eden.hpp>
#include <nibble/correction/none.hpp>

namespace {

using namespace nibble;

struct without_columns {
  template <std::size_t Rows, std::size_t Columns, class Group>
  static constexpr void apply(float const (&)[Rows][Columns], tensor_scale::factors const&, position,
                              Group&) noexcept {}
};
struct without_factors {
  static constexpr int columns = 1;
  template <std::size_t Rows, std::size_t Columns, class Group>
  static constexpr void apply(float const (&)[Rows][Columns], Group&) noexcept {}
};
struct throwing {
  static constexpr int columns = 1;
  template <std::size_t Rows, std::size_t Columns, class Group>
  static void apply(float const (&)[Rows][Columns], tensor_scale::factors const&, position, Group&) {}
};

static_assert(correction::policy<correction::none, nvfp4_block>);
static_assert(correction::policy<correction::none, mxfp4_block>);
static_assert(correction::policy<correction::eden<>, nvfp4_block>);
static_assert(!correction::policy<without_columns, nvfp4_block>);
static_assert(!correction::policy<without_factors, nvfp4_block>);
static_assert(!correction::policy<throwing, nvfp4_block>);

}  // namespace

TEST_CASE("a group of zeros stays a group that decodes to zeros under every correction") {
  block_group<nvfp4_block, 1, 8> group{};
  for (auto& block : group.blocks[0]) block.scale = fp8_e4m3(3.0f);
  float const zeros[1][128]{};
  correction::none::apply(zeros, {0, 1, 1}, {}, group);
  correction::eden<>{}.apply(zeros, {0, 1, 1}, {}, group);
  for (auto const& block : group.blocks[0]) {
    CHECK(static_cast<float>(block.scale) == 3.0f);
    for (int i = 0; i < 16; ++i) CHECK(static_cast<float>(block.codes[i]) == 0.0f);
  }
}
