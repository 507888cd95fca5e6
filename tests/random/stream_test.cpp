// SPDX-License-Identifier: Apache-2.0
// No two tensors of a run may draw the same numbers: the name of a stream must be injective.
#include <nibble/random/stream.hpp>

#include <doctest/doctest.h>

#include <set>

using nibble::random::stream_id;

namespace {

/// The fields of a stream's value: the inverse exists, so no two valid names share a value.
constexpr stream_id read_back(std::uint64_t value) {
  return {static_cast<std::uint32_t>(value >> 1 & 0x7F),
          static_cast<std::uint32_t>(value >> 8 & 0xFFFF), value >> 24, (value & 1) != 0};
}

constexpr bool same(stream_id const& a, stream_id const& b) {
  return a.role == b.role && a.layer == b.layer && a.step == b.step &&
         a.is_transposed == b.is_transposed;
}

constexpr std::uint64_t last_step = (std::uint64_t{1} << 40) - 1;
static_assert(same(read_back(stream_id{127, 65535, last_step, true}.value()),
                   {127, 65535, last_step, true}));
static_assert(stream_id{127, 65535, last_step, true}.value() == ~std::uint64_t{0});
static_assert(stream_id{}.value() == 0);
static_assert(stream_id{127, 65535, last_step, true}.is_valid() && stream_id{}.is_valid());
static_assert(!stream_id{128, 0, 0, false}.is_valid());
static_assert(!stream_id{0, 65536, 0, false}.is_valid());
static_assert(!stream_id{0, 0, last_step + 1, false}.is_valid());

}  // namespace

TEST_CASE("a stream's value gives back each of its fields") {
  std::set<std::uint64_t> values;
  std::size_t names = 0;
  for (std::uint32_t const role : {0u, 1u, 2u, 5u, 63u, 64u, 127u}) {
    for (std::uint32_t const layer : {0u, 1u, 127u, 128u, 255u, 256u, 65535u}) {
      for (std::uint64_t const step : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{65535},
                                       std::uint64_t{1} << 32, last_step}) {
        for (bool const is_transposed : {false, true}) {
          stream_id const id{role, layer, step, is_transposed};
          CHECK(same(read_back(id.value()), id));
          CHECK(id.is_valid());
          values.insert(id.value());
          ++names;
        }
      }
    }
  }
  CHECK(values.size() == names);
  for (stream_id const& outside : {stream_id{128}, stream_id{0, 65536}, stream_id{0, 0, last_step + 1}}) {
    CHECK_FALSE(outside.is_valid());
  }
}
