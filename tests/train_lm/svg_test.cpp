// SPDX-License-Identifier: Apache-2.0
// The drawing holds every curve under its name and stays well-formed whatever the numbers are.
#include "train_lm/svg.hpp"

#include <doctest/doctest.h>

using namespace train_lm;

namespace {
std::size_t count(std::string const& text, std::string const& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}
}  // namespace

TEST_CASE("train_lm: a chart shows its curves, names and round marks") {
  std::string const svg = draw({"Loss & <more>",
                                "step",
                                "nats",
                                {{"bf16", {{0, 3}, {100, 1}}}, {"nvfp4", {{0, 3}, {100, 1}}}},
                                1,
                                3});
  CHECK(count(svg, "Loss &amp; &lt;more&gt;") == 1);
  CHECK(count(svg, ">bf16<") == 1);
  CHECK(count(svg, ">nvfp4<") == 1);
  CHECK(count(svg, "d=\"M80.0 48.0L600.0 364.0\"") == 2);  // from corner to corner
  for (std::string const& mark : std::vector<std::string>{">1.0<", ">1.5<", ">2.0<", ">2.5<",
                                                          ">3.0<", ">0<", ">20<", ">100<"}) {
    CAPTURE(mark);
    CHECK(count(svg, mark) == 1);
  }
  CHECK(count(svg, "x=\"608.0\" y=\"351.0\"") == 1);  // two names at one height are moved apart
  CHECK(count(svg, "x=\"608.0\" y=\"368.0\"") == 1);
}

TEST_CASE("train_lm: a chart survives numbers that cannot be drawn") {
  std::string const svg = draw({"t",
                                "x",
                                "y",
                                {{"none", {}},
                                 {"gap", {{1, 2}, {2, NAN}, {3, INFINITY}, {4, 2}, {5, 1e300}}},
                                 {"one", {{1, 1}}}},
                                0,
                                4});
  CHECK(count(svg, "nan") == 0);
  CHECK(count(svg, "inf") == 0);
  CHECK(count(svg, "d=\"M80.0 206.0M470.0 206.0L600.0 -1952.0\"") == 1);
  CHECK(count(draw({"t", "x", "y", {}, 0, 1}), "</svg>") == 1);
  CHECK(count(draw({"t", "x", "y", {{"a", {{1, 1}}}}, 2, 2}), "</svg>") == 1);
  CHECK(count(draw({"t", "x", "y", {{"a", {{1, 1}}}}, NAN, 2}), "nan") == 0);
}

TEST_CASE("train_lm: smoothing starts without bias and follows") {
  std::vector<double> const result = smoothed({4, 2, 2, 2}, 0.5);
  REQUIRE(result.size() == 4);
  CHECK(result[0] == 4);
  CHECK(result[1] == doctest::Approx((0.5 * 2 + 0.25 * 4) / 0.75));
  CHECK(result[3] < result[2]);
}
