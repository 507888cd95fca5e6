// SPDX-License-Identifier: Apache-2.0
// The error of a tile: each metric, the order of its sums, NaN.
#include <nibble/scaling/error_metric.hpp>

#include <doctest/doctest.h>

#include <nibble/nibble.hpp>

using namespace nibble;
using scaling::absolute_error;
using scaling::largest_error;
using scaling::squared_error;

namespace {

// Under scale 1, multiplier 1 and amax = range the decoded value of x is its code: 1.25 becomes 1,
// -2.75 becomes -3, 7 becomes 6.
constexpr float values[1][4] = {{1.25f, -2.75f, 7.0f, 0.5f}};
template <class Metric>
constexpr float error = scaling::tile_error<Metric, fp4_e2m1>(values, 1.0f, 1.0f, 2688.0f, 2688.0f);
static_assert(error<squared_error> == .0625f + .0625f + 1.0f);
static_assert(error<absolute_error> == .25f + .25f + 1.0f);
static_assert(error<largest_error> == 1.0f);
constexpr float sixteen[1][16] = {{1.25f, -2.75f, 7.0f, 0.5f}};
static_assert(scaling::tile_error<absolute_error, fp4_e2m1>(sixteen, 1.0f, 1.0f, 2688.0f, 2688.0f) ==
              error<absolute_error>);

// Sums that show their order: 2^24 + 1 + 1 is 2^24 from the left and 2^24 + 2 from the right.
constexpr float big = 0x1p24f;
static_assert(squared_error::add(big, 1.0f) == big && absolute_error::add(big, -1.0f) == big);
static_assert(largest_error::add(2.0f, -3.0f) == 3.0f && largest_error::add(2.0f, 1.0f) == 2.0f);

/// Sixteen rows of one number x each, whose error is |x| because its multiplier is 0.
constexpr float tree_of(float const (&errors)[16]) {
  float tile[16][1]{};
  for (int r = 0; r < 16; ++r) {
    tile[r][0] = errors[r];
  }
  return scaling::tile_error<absolute_error, fp4_e2m1>(tile, 1.0f, 0.0f, 1.0f, 1.0f);
}
// Row 0 takes row 8 first: the two small ones of rows 4 and 12 meet before they meet 2^24.
static_assert(tree_of({big, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}) == big + 2);
static_assert(tree_of({big, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}) == big);
static_assert(tree_of({big, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}) == big + 2);
static_assert(tree_of({big, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) == big);

/// A metric that is added number by number only.
template <class Metric>
struct one_by_one {
  static constexpr float add(float sum, float difference) noexcept {
    return Metric::add(sum, difference);
  }
  static constexpr float merge(float a, float b) noexcept { return Metric::merge(a, b); }
};

/// Of the errors of a tile of this shape under three scales: those that differ when its numbers are added
/// one by one.
template <class Metric, std::size_t Rows, std::size_t Columns, class Element = fp4_e2m1>
int errors_apart() {
  static float tile[Rows][Columns];
  for (std::size_t r = 0; r != Rows; ++r) {
    for (std::size_t c = 0; c != Columns; ++c) {
      auto const mixed = static_cast<std::uint32_t>(r * Columns + c + 1) * 0x9E37'79B1u;
      tile[r][c] = detail::float_from_bits((mixed & 0x807F'FFFFu) | (124 + (mixed >> 8) % 6) << 23);
    }
  }
  float const scale[3] = {1.5f, 0.4375f, 0.0f}, encode[3] = {0.65f, 2.25f, 1.0f};
  float together[3], apart[3];
  scaling::tile_errors<Metric, Element>(tile, scale, encode, 5.0f, 6.0f, together);
  scaling::tile_errors<one_by_one<Metric>, Element>(tile, scale, encode, 5.0f, 6.0f, apart);
  int wrong = 0;
  for (int s = 0; s != 3; ++s) {
    wrong += detail::float_bits(together[s]) == detail::float_bits(apart[s]) ? 0 : 1;
  }
  return wrong;
}

template <class Metric>
int errors_apart_in_every_shape() {
  return errors_apart<Metric, 1, 16>() + errors_apart<Metric, 1, 32>() + errors_apart<Metric, 2, 16>() +
         errors_apart<Metric, 4, 15>() + errors_apart<Metric, 8, 17>() + errors_apart<Metric, 8, 16>() +
         errors_apart<Metric, 16, 48>() + errors_apart<Metric, 32, 32>() +
         errors_apart<Metric, 8, 16, fp6_e2m3>();
}

}  // namespace

TEST_CASE("whole rows at once have the errors of their numbers one by one, in every shape") {
  CHECK(errors_apart_in_every_shape<squared_error>() == 0);
  CHECK(errors_apart_in_every_shape<absolute_error>() == 0);
  CHECK(errors_apart_in_every_shape<largest_error>() == 0);
}

TEST_CASE("a NaN anywhere makes every error NaN") {
  for (int place = 0; place < 16 * 16; ++place) {
    float tile[16][16]{};
    tile[place / 16][place % 16] = detail::float_from_bits(0x7FC0'0000u);
    bool const all_nan =
        [&]<class... Metric>(Metric...) {
          return (... && [&] {
            float const e = scaling::tile_error<Metric, fp4_e2m1>(tile, 1.0f, 1.0f, 6.0f, 6.0f);
            return e != e;
          }());
        }(squared_error{}, absolute_error{}, largest_error{});
    CHECK(all_nan);
  }
}
