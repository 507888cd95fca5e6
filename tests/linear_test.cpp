// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <nibble/gradient/differentiable.hpp>
#include <nibble/gradient/masked.hpp>
#include <nibble/linear.hpp>
#include <nibble/recipes/bf16.hpp>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/mxfp4.hpp>
#include <nibble/recipes/nvfp4.hpp>
#include <nibble/recipes/quartet2.hpp>
#include <nibble/scaling/clipped.hpp>

#include "support/matrices.hpp"

namespace {

using nibble::matrix_index;
using nibble::product;

constexpr matrix_index tokens = 48, inputs = 40, outputs = 72;
constexpr nibble::layer_key key{7, 3, 11};

struct tensors {
  fixture::matrix<> x = fixture::filled(tokens, inputs, 1);
  fixture::matrix<> w = fixture::filled(outputs, inputs, 2);
  fixture::matrix<> dy = fixture::filled(tokens, outputs, 3);
  fixture::matrix<> y{tokens, outputs}, dx{tokens, inputs}, dw{outputs, inputs};

  template <class Recipe, product Mode>
  void run(nibble::layer_key k = key, int threads = 1) {
    nibble::linear<Recipe, Mode> layer;
    layer.forward(x.view(), w.view(), y.view(), k, nibble::threads{threads});
    layer.backward(dy.view(), dx.view(), dw.view(), k, nibble::threads{threads});
  }
};

/// The relative error of `got` against the plain product of doubles.
template <class At>
double error_of(fixture::matrix<> const& got, matrix_index depth, At at) {
  double error = 0, size = 0;
  for (matrix_index i = 0; i < got.rows; ++i) {
    for (matrix_index j = 0; j < got.columns; ++j) {
      double sum = 0;
      for (matrix_index k = 0; k < depth; ++k) sum += at(i, j, k);
      double const difference = static_cast<double>(got(i, j)) - sum;
      error += difference * difference;
      size += sum * sum;
    }
  }
  return std::sqrt(error / size);
}

template <class Recipe>
void products_are_near(double bound) {
  tensors t;
  t.run<Recipe, product::exact>();
  auto const as_double = [](float v) { return static_cast<double>(v); };
  CHECK(error_of(t.y, inputs, [&](auto i, auto j, auto k) {
          return as_double(t.x(i, k)) * as_double(t.w(j, k));
        }) < bound);
  CHECK(error_of(t.dx, outputs, [&](auto i, auto j, auto k) {
          return as_double(t.dy(i, k)) * as_double(t.w(k, j));
        }) < bound);
  CHECK(error_of(t.dw, tokens, [&](auto i, auto j, auto k) {
          return as_double(t.dy(k, i)) * as_double(t.x(k, j));
        }) < bound);
}

}  // namespace

TEST_CASE("fprop, dgrad and wgrad are the three products, within the format's error") {
  products_are_near<nibble::recipes::bf16>(0.005);
  products_are_near<nibble::recipes::fp8>(0.06);
  products_are_near<nibble::recipes::nvfp4>(0.35);
  products_are_near<nibble::recipes::mxfp4>(0.45);
}

TEST_CASE("each operand goes through its quantizer: the products are matmuls of those") {
  using recipe = nibble::recipes::nvfp4;
  tensors t;
  t.run<recipe, product::exact>();
  auto const expect = [](auto const& a, auto qa, auto const& b, auto qb, fixture::matrix<> const& got) {
    fixture::matrix<> expected(got.rows, got.columns);
    auto const left = nibble::quantized(a, qa);
    auto const right = nibble::quantized(b, qb);
    nibble::matmul<product::exact>(left.view(), qa, right.view(), qb, expected.view());
    CHECK(expected.values == got.values);
  };
  expect(t.x.view(), recipe::fprop_x::quantizer{}, t.w.view(), recipe::fprop_w::quantizer{}, t.y);

  recipe::dgrad_dy::quantizer dgrad_dy{};
  dgrad_dy.rounding.source = key.source(nibble::operand_role::dgrad_dy);
  expect(t.dy.view(), dgrad_dy, nibble::transposed(t.w.view()), recipe::dgrad_w::quantizer{}, t.dx);

  recipe::wgrad_dy::quantizer wgrad_dy{};
  wgrad_dy.rounding.source = key.source(nibble::operand_role::wgrad_dy);
  expect(nibble::transposed(t.dy.view()), wgrad_dy, nibble::transposed(t.x.view()),
         recipe::wgrad_x::quantizer{}, t.dw);
}

TEST_CASE("gradients of the weights add up in FP32") {
  tensors t;
  nibble::linear<nibble::recipes::nvfp4, product::exact> layer;
  layer.forward(t.x.view(), t.w.view(), t.y.view(), key);
  layer.backward(t.dy.view(), t.dx.view(), t.dw.view(), key);
  auto const once = t.dw;
  layer.backward(t.dy.view(), t.dx.view(), t.dw.view(), key);
  int differences = 0;
  for (std::size_t i = 0; i < once.values.size(); ++i) {
    differences += t.dw.values[i] != once.values[i] + once.values[i];
  }
  CHECK(differences == 0);
}

// bugs: F10
TEST_CASE("the key decides the random numbers: equal keys equal bytes, other steps, layers, seeds others") {
  tensors first, second;
  first.run<nibble::recipes::nvfp4, product::exact>();
  second.run<nibble::recipes::nvfp4, product::exact>(key, 3);  // and the threads do not matter
  CHECK(first.dx.values == second.dx.values);
  CHECK(first.dw.values == second.dw.values);
  CHECK(first.y.values == second.y.values);
  for (nibble::layer_key const other :
       {nibble::layer_key{8, 3, 11}, nibble::layer_key{7, 4, 11}, nibble::layer_key{7, 3, 12}}) {
    tensors third;
    third.run<nibble::recipes::nvfp4, product::exact>(other);
    CHECK(third.y.values == first.y.values);  // nothing in the forward pass is random
    CHECK(third.dx.values != first.dx.values);
    CHECK(third.dw.values != first.dw.values);
  }
}

// bugs: F9
TEST_CASE("no two operands of a run share a stream") {
  using nibble::operand_role;
  auto const stream = [](operand_role role, std::uint32_t layer, std::uint64_t step) {
    return nibble::layer_key{1, layer, step}.source(role).stream;
  };
  std::vector<std::uint64_t> streams;
  for (auto role : {operand_role::fprop_x, operand_role::fprop_w, operand_role::dgrad_dy,
                    operand_role::dgrad_w, operand_role::wgrad_dy, operand_role::wgrad_x}) {
    for (std::uint32_t layer : {0u, 1u, 65535u}) {
      for (std::uint64_t step : {0ull, 1ull, (1ull << 40) - 1}) streams.push_back(stream(role, layer, step));
    }
  }
  std::sort(streams.begin(), streams.end());
  CHECK(std::adjacent_find(streams.begin(), streams.end()) == streams.end());
  CHECK(streams.size() == 54);
}

TEST_CASE("quantization errors are reported by role when watched, and change nothing") {
  tensors watched, plain;
  nibble::error_report reports[6];
  nibble::linear<nibble::recipes::nvfp4, product::exact> layer;
  layer.watch(&reports);
  layer.forward(watched.x.view(), watched.w.view(), watched.y.view(), key);
  layer.backward(watched.dy.view(), watched.dx.view(), watched.dw.view(), key);
  plain.run<nibble::recipes::nvfp4, product::exact>();
  CHECK(watched.dw.values == plain.dw.values);
  CHECK(reports[static_cast<int>(nibble::operand_role::fprop_x)].count == tokens * inputs);
  CHECK(reports[static_cast<int>(nibble::operand_role::wgrad_dy)].count == tokens * outputs);
  CHECK(reports[static_cast<int>(nibble::operand_role::dgrad_w)].count == 0);  // reuses fprop's codes
}

TEST_CASE("shapes that do not fit and a backward without a forward are refused") {
  tensors t;
  nibble::linear<nibble::recipes::nvfp4> layer;
  CHECK_THROWS_AS(layer.backward(t.dy.view(), t.dx.view(), t.dw.view(), key), std::invalid_argument);
  CHECK_THROWS_AS(layer.forward(t.x.view(), t.dy.view(), t.y.view(), key), std::invalid_argument);
  layer.forward(t.x.view(), t.w.view(), t.y.view(), key);
  CHECK_THROWS_WITH_AS(
      layer.backward(t.dy.view(), t.dw.view(), t.dw.view(), key),
      "nibble::linear::backward: got dy 48 x 72, dx 72 x 40, dW 72 x 40; need the shapes of y, x and W "
      "of the last forward",
      std::invalid_argument);
}

TEST_CASE("a gradient of more tokens or outputs than the forward had is refused, transforms padded or not") {
  constexpr matrix_index odd_tokens = 41, odd_outputs = 71;
  auto const x = fixture::filled(odd_tokens, inputs, 1), w = fixture::filled(odd_outputs, inputs, 2);
  fixture::matrix<> y(odd_tokens, odd_outputs), dw(odd_outputs, inputs);
  nibble::linear<nibble::recipes::nvfp4> padded;  // wgrad sums over 48 tokens, zeros and all
  padded.forward(x.view(), w.view(), y.view(), key);
  nibble::linear<nibble::recipes::quartet2> wide;  // dgrad sums over 128 outputs
  wide.forward(x.view(), w.view(), y.view(), key);
  fixture::matrix<> const more_tokens(odd_tokens + 1, odd_outputs), more_outputs(odd_tokens, odd_outputs + 1);
  fixture::matrix<> dx(odd_tokens, inputs), taller_dx(odd_tokens + 1, inputs), taller_dw(odd_outputs + 1, inputs);
  CHECK_THROWS_AS(padded.backward(more_tokens.view(), taller_dx.view(), dw.view(), key), std::invalid_argument);
  CHECK_THROWS_AS(wide.backward(more_outputs.view(), dx.view(), taller_dw.view(), key), std::invalid_argument);
  CHECK_NOTHROW(padded.backward(y.view(), dx.view(), dw.view(), key));
  CHECK_NOTHROW(wide.backward(y.view(), dx.view(), dw.view(), key));
}

TEST_CASE("one extent that does not fit is enough to be refused") {
  tensors t;
  nibble::linear<nibble::recipes::nvfp4> layer;
  fixture::matrix<> wide_x(tokens, inputs + 1), short_y(tokens - 1, outputs), thin_y(tokens, outputs - 1);
  CHECK_THROWS_AS(layer.forward(wide_x.view(), t.w.view(), t.y.view(), key), std::invalid_argument);
  CHECK_THROWS_AS(layer.forward(t.x.view(), t.w.view(), short_y.view(), key), std::invalid_argument);
  CHECK_THROWS_AS(layer.forward(t.x.view(), t.w.view(), thin_y.view(), key), std::invalid_argument);
  layer.forward(t.x.view(), t.w.view(), t.y.view(), key);
  struct extents {
    matrix_index tokens, outputs, dx_rows, dx_columns, dw_rows, dw_columns;
  };
  for (extents const& e : {extents{tokens, outputs, tokens - 1, inputs, outputs, inputs},
                           {tokens, outputs, tokens, inputs + 1, outputs, inputs},
                           {tokens, outputs, tokens, inputs, outputs - 1, inputs},
                           {tokens, outputs, tokens, inputs, outputs, inputs + 1},
                           {tokens, outputs - 1, tokens, inputs, outputs - 1, inputs},
                           {tokens - 16, outputs, tokens - 16, inputs, outputs, inputs}}) {
    fixture::matrix<> dy(e.tokens, e.outputs), dx(e.dx_rows, e.dx_columns), dw(e.dw_rows, e.dw_columns);
    CHECK_THROWS_AS(layer.backward(dy.view(), dx.view(), dw.view(), key), std::invalid_argument);
  }
}

namespace {

using fprop_rows = nibble::operand<nibble::quantizer<>>;
using mxfp8_rows = nibble::operand<
    nibble::quantizer<nibble::mxfp8_block,
                      nibble::scaling::power_of_two<nibble::scaling::exponent_rule::round_up>>>;

/// nvfp4 with a rule, or a second product, of its own.
struct mixed : nibble::recipes::nvfp4 {
  using channels = nibble::mixed_channels<mxfp8_rows, 10>;
};
struct augmented : nibble::recipes::nvfp4 {
  using channels = nibble::augmented_channels<fprop_rows, 10>;
};
using clipped_rows = nibble::operand<nibble::quantizer<nibble::nvfp4_block, nibble::scaling::clipped<1, 2>>>;
struct masked : nibble::recipe<clipped_rows, fprop_rows, nibble::bf16_operand, nibble::bf16_operand,
                               nibble::bf16_operand, nibble::bf16_operand> {
  using x_gradient = nibble::gradient::masked;
};
struct smooth : nibble::recipe<fprop_rows, fprop_rows, nibble::bf16_operand, nibble::bf16_operand,
                               nibble::bf16_operand, nibble::bf16_operand> {
  using w_gradient = nibble::gradient::differentiable<>;
};
struct unmasked : masked {
  using x_gradient = nibble::gradient::straight_through;
};
struct straight : smooth {
  using w_gradient = nibble::gradient::straight_through;
};

/// Four of 40 channels thirty times hotter.
tensors with_hot_channels() {
  tensors t;
  for (matrix_index i = 0; i < tokens; ++i) {
    for (matrix_index const j : {3, 17, 18, 39}) t.x(i, j) *= 30;
  }
  return t;
}

template <class Recipe>
double forward_error() {
  tensors t = with_hot_channels();
  nibble::linear<Recipe, product::exact>{}.infer(t.x.view(), t.w.view(), t.y.view(), key);
  auto const as_double = [](float v) { return static_cast<double>(v); };
  return error_of(t.y, inputs, [&](auto i, auto j, auto k) {
    return as_double(t.x(i, k)) * as_double(t.w(j, k));
  });
}

}  // namespace

TEST_CASE("hot channels in eight bits, or what they lost multiplied once more, mend the forward pass") {
  double const plain = forward_error<nibble::recipes::nvfp4>();
  CHECK(forward_error<mixed>() < 0.6 * plain);
  CHECK(forward_error<augmented>() < 0.98 * plain);  // what W lost, most of it, is still lost
}

TEST_CASE("mixed channels are two products: the rest with zeros in their place, and they alone") {
  tensors t = with_hot_channels();
  nibble::linear<mixed, product::exact>{}.infer(t.x.view(), t.w.view(), t.y.view(), key);
  std::vector<matrix_index> const hot{3, 17, 18, 39};
  auto cold = t.x;
  fixture::matrix<> hot_x(tokens, 4), hot_w(outputs, 4), expected(tokens, outputs);
  for (std::size_t h = 0; h < 4; ++h) {
    auto const column = static_cast<matrix_index>(h);
    for (matrix_index i = 0; i < tokens; ++i) {
      hot_x(i, column) = t.x(i, hot[h]);
      cold(i, hot[h]) = 0;
    }
    for (matrix_index i = 0; i < outputs; ++i) hot_w(i, column) = t.w(i, hot[h]);
  }
  mixed::fprop_x::quantizer const qx{};
  mixed::fprop_w::quantizer const qw{};
  mxfp8_rows::quantizer const q8{};
  nibble::matmul<product::exact>(nibble::quantized(cold.view(), qx).view(), qx,
                                 nibble::quantized(t.w.view(), qw).view(), qw, expected.view());
  nibble::matmul<product::ordered>(nibble::quantized(hot_x.view(), q8).view(), q8,
                                   nibble::quantized(hot_w.view(), q8).view(), q8, expected.view(),
                                   nibble::epilogue{.beta = 1});
  CHECK(expected.values == t.y.values);
}

TEST_CASE("a masked gradient is the plain one with zeros where x saturated") {
  tensors with, without;
  with.run<masked, product::exact>();
  without.run<unmasked, product::exact>();
  CHECK(with.y.values == without.y.values);
  CHECK(with.dw.values == without.dw.values);
  int zeros = 0, wrong = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(tokens * inputs); ++i) {
    zeros += with.dx.values[i] == 0 && without.dx.values[i] != 0;
    wrong += with.dx.values[i] != 0 && with.dx.values[i] != without.dx.values[i];
  }
  CHECK(wrong == 0);
  CHECK(zeros >= tokens * 3);  // the largest of every block
  CHECK(zeros < tokens * inputs / 2);
}

TEST_CASE("a differentiable rule scales the gradient of the weights, each call's own") {
  tensors with, without;
  with.run<smooth, product::exact>();
  without.run<straight, product::exact>();
  CHECK(with.dx.values == without.dx.values);
  nibble::quantizer<> const q{};
  auto const w = nibble::quantized(with.w.view(), q);
  auto const f = q.prepare({w.amax()[0]});
  int wrong = 0;
  for (matrix_index i = 0; i < outputs; ++i) {
    for (matrix_index j = 0; j < inputs; ++j) {
      float const scaled =
          with.w(i, j) * nibble::scaling::encode_multiplier(static_cast<float>(w.view().scale(i, j / 16)), f);
      float const factor = nibble::gradient::differentiable<>::factor<nibble::fp4_e2m1>(scaled);
      wrong += with.dw(i, j) != without.dw(i, j) * factor;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("behind a bf16 forward the backward products quantize as before, from fresh tensors") {
  using switched = nibble::with_bf16_forward<nibble::recipes::nvfp4>;
  static_assert(switched::dgrad_w::from == nibble::operand_source::fresh);
  tensors before, after;
  before.run<nibble::recipes::nvfp4, product::exact>();
  after.run<switched, product::exact>();
  CHECK(before.dx.values == after.dx.values);  // square tiles: fresh and reused codes are the same
  CHECK(before.dw.values == after.dw.values);
  CHECK(before.y.values != after.y.values);
}

TEST_CASE("a transform wider than the summed dimension does not stop a backward pass") {
  // 72 outputs and 48 tokens are no multiples of 128: the last group is completed with zeros.
  tensors t;
  t.run<nibble::recipes::quartet2, product::exact>();
  auto const as_double = [](float v) { return static_cast<double>(v); };
  CHECK(error_of(t.dx, outputs, [&](auto i, auto j, auto k) {
          return as_double(t.dy(i, k)) * as_double(t.w(k, j));
        }) < 0.3);
}
