// SPDX-License-Identifier: Apache-2.0
// One linear layer with tensors of normal numbers, and the plain products of doubles to compare with.
#pragma once

#include <cmath>
#include <vector>

#include <nibble/linear.hpp>

#include "support/matrices.hpp"

namespace fixture {

/// Nearly normal numbers: sums of twelve uniform ones.
inline matrix<> normal(matrix_index rows, matrix_index columns, std::uint64_t seed, float scale = 1) {
  matrix<> result(rows, columns);
  oracle::bit_source random(seed);
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index j = 0; j < columns; ++j) {
      double sum = -6;
      for (int k = 0; k < 12; ++k) sum += static_cast<double>(random.below(1U << 24)) * 0x1p-24;
      result(i, j) = static_cast<float>(sum) * scale;
    }
  }
  return result;
}

struct layer_tensors {
  matrix_index tokens, inputs, outputs;
  matrix<> x, w, dy, y, dx, dw;

  explicit layer_tensors(matrix_index t = 48, matrix_index i = 40, matrix_index o = 72)
      : tokens(t), inputs(i), outputs(o), x(normal(t, i, 1)), w(normal(o, i, 2)),
        dy(normal(t, o, 3, 0x1p-12f)), y(t, o), dx(t, i), dw(o, i) {}

  template <class Recipe, nibble::product Mode = nibble::product::exact>
  void run(nibble::layer_key key = {7, 3, 11}, int threads = 1) {
    nibble::linear<Recipe, Mode> layer;
    layer.forward(x.view(), w.view(), y.view(), key, nibble::threads{threads});
    layer.backward(dy.view(), dx.view(), dw.view(), key, nibble::threads{threads});
  }
};

/// a b^T in doubles.
inline std::vector<double> plain_product(matrix<> const& a, bool turn_a, matrix<> const& b, bool turn_b) {
  auto const rows = [](matrix<> const& m, bool turn) { return turn ? m.columns : m.rows; };
  auto const at = [](matrix<> const& m, bool turn, matrix_index i, matrix_index k) {
    return static_cast<double>(turn ? m(k, i) : m(i, k));
  };
  std::vector<double> result;
  matrix_index const depth = turn_a ? a.rows : a.columns;
  for (matrix_index i = 0; i < rows(a, turn_a); ++i) {
    for (matrix_index j = 0; j < rows(b, turn_b); ++j) {
      double sum = 0;
      for (matrix_index k = 0; k < depth; ++k) sum += at(a, turn_a, i, k) * at(b, turn_b, j, k);
      result.push_back(sum);
    }
  }
  return result;
}

/// |got - expected| / |expected|.
template <class T>
double relative_error(std::vector<T> const& got, std::vector<double> const& expected) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    double const e = static_cast<double>(got[i]) - expected[i];
    error += e * e;
    size += expected[i] * expected[i];
  }
  return std::sqrt(error / size);
}

/// The relative errors of y, dx and dW under a recipe.
struct layer_errors {
  double y, dx, dw;
};
template <class Recipe, nibble::product Mode = nibble::product::exact>
layer_errors errors_under() {
  layer_tensors t;
  t.run<Recipe, Mode>();
  return {relative_error(t.y.values, plain_product(t.x, false, t.w, false)),
          relative_error(t.dx.values, plain_product(t.dy, false, t.w, true)),
          relative_error(t.dw.values, plain_product(t.dy, true, t.x, true))};
}

/// Every product is within `bound`, in exact or ordered sums and in fast ones; threads change nothing.
template <class Recipe>
void recipe_multiplies_within(double bound) {
  auto const exact = errors_under<Recipe>();
  CHECK(exact.y < bound);
  CHECK(exact.dx < bound);
  CHECK(exact.dw < bound);
  CHECK(exact.y > bound / 10);  // it does quantize
  auto const fast = errors_under<Recipe, nibble::product::fast>();
  CHECK(std::fabs(fast.y - exact.y) < 1e-3);
  CHECK(std::fabs(fast.dx - exact.dx) < 1e-3);
  CHECK(std::fabs(fast.dw - exact.dw) < 1e-3);
  layer_tensors one, three;
  one.run<Recipe>();
  three.run<Recipe>({7, 3, 11}, 3);
  CHECK(one.y.values == three.y.values);
  CHECK(one.dx.values == three.dx.values);
  CHECK(one.dw.values == three.dw.values);
}

/// |mean of dx and dW over `draws` steps - expected| relative to the error of one step.
template <class Recipe>
std::pair<double, double> shrink_over_steps(layer_tensors& t, std::vector<double> const& dx,
                                            std::vector<double> const& dw, int draws) {
  std::vector<double> sum_dx(dx.size()), sum_dw(dw.size());
  double first_dx = 0, first_dw = 0;
  for (int draw = 1; draw <= draws; ++draw) {
    std::fill(t.dw.values.begin(), t.dw.values.end(), 0.0f);
    t.run<Recipe>({5, 1, static_cast<std::uint64_t>(draw)});
    for (std::size_t i = 0; i < dx.size(); ++i) sum_dx[i] += static_cast<double>(t.dx.values[i]) / draws;
    for (std::size_t i = 0; i < dw.size(); ++i) sum_dw[i] += static_cast<double>(t.dw.values[i]) / draws;
    if (draw == 1) first_dx = relative_error(t.dx.values, dx), first_dw = relative_error(t.dw.values, dw);
  }
  return {relative_error(sum_dx, dx) / first_dx, relative_error(sum_dw, dw) / first_dw};
}

/// What a quantizer makes of a matrix, as a matrix.
template <class Quantizer>
matrix<> through(matrix<> const& m, Quantizer const& q) {
  matrix<> result(m.rows, m.columns);
  nibble::dequantize(nibble::quantized(m.view(), q).view(), result.view(), q);
  return result;
}

}  // namespace fixture
