// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <nibble/linear.hpp>
#include <nibble/recipes/bf16.hpp>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/mxfp4.hpp>
#include <nibble/recipes/nvfp4.hpp>

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
