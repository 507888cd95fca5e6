// SPDX-License-Identifier: Apache-2.0
// Every kind of block: its gradient in its input and in all its parameters, and that no token
// learns of a later one or of another sequence.
#include "train_lm/block.hpp"

#include <doctest/doctest.h>

#include "train_lm/attention.hpp"
#include "train_lm/feed_forward.hpp"
#include "train_lm/gradient_check.hpp"
#include "train_lm/mamba.hpp"

using namespace train_lm;

namespace {
constexpr extent width = 6, length = 7, tokens = 2 * length;

struct fixture {
  parallel_for parallel;
  parameters<double> registry;
  initializer initial{11};
  projection_factory<double> make_projection = exact_projections<double>();
  block_builder<double> builder{registry, initial, make_projection, 0, 3};
  step_context context = check::context(parallel, length);
  matrix<double> x = check::numbers("x", tokens, width), y, dx;

  std::unique_ptr<block<double>> make(char letter) {
    if (letter == '-') return std::make_unique<feed_forward<double>>(builder, width, 10);
    if (letter == '*') {
      return std::make_unique<attention<double>>(
          builder, width, attention_shape{.queries = 4, .keys = 2, .head = 3});
    }
    return std::make_unique<mamba<double>>(
        builder, width, scan_shape{.inner = 12, .heads = 4, .groups = 2, .state = 3});
  }
};
}  // namespace

TEST_CASE_FIXTURE(fixture, "train_lm: every block has the gradient of its forward pass") {
  char letter{};
  SUBCASE("Mamba-2") { letter = 'M'; }
  SUBCASE("feed-forward") { letter = '-'; }
  SUBCASE("attention") { letter = '*'; }
  auto const layer = make(letter);
  matrix<double> const dy = check::numbers("dy", tokens, width);
  auto const loss = [&] {
    layer->forward(x, y, context);
    return y.cwiseProduct(dy).sum();
  };
  loss();
  layer->backward(dy, dx, context);
  CHECK(check::gradient_error(x, dx, loss) < 1e-7);
  for (parameter<double>& each : registry) {
    CAPTURE(each.name);
    CHECK(check::gradient_error(each.value, each.gradient, loss) < 1e-7);
  }
}

TEST_CASE_FIXTURE(fixture, "train_lm: no block looks ahead or into another sequence") {
  char letter{};
  SUBCASE("Mamba-2") { letter = 'M'; }
  SUBCASE("feed-forward") { letter = '-'; }
  SUBCASE("attention") { letter = '*'; }
  auto const layer = make(letter);
  layer->forward(x, y, context);
  matrix<double> const before = y;
  extent const changed = 3;
  x.row(changed) *= -2;
  layer->forward(x, y, context);
  for (extent row = 0; row < tokens; ++row) {
    CAPTURE(row);
    bool const may_change = row >= changed && row < length;
    CHECK((may_change || y.row(row) == before.row(row)));
  }
  CHECK(y.row(changed) != before.row(changed));
}

TEST_CASE_FIXTURE(fixture,
                  "train_lm: the state space and attention remember, feed-forward does not") {
  for (char const letter : {'M', '*', '-'}) {
    CAPTURE(letter);
    fixture own;
    auto const layer = own.make(letter);
    layer->forward(own.x, own.y, own.context);
    matrix<double> const before = own.y;
    own.x.row(0) *= -2;
    layer->forward(own.x, own.y, own.context);
    CHECK((own.y.row(length - 1) != before.row(length - 1)) == (letter != '-'));
  }
}
