// SPDX-License-Identifier: Apache-2.0
// What every transform promises, as functions that a test of a transform calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <nibble/transform/policy.hpp>

#include "oracle/blocks.hpp"

namespace laws {

template <class Transform>
struct vector_of {
  float values[std::size_t{Transform::size}];
};

/// Integers from -limit to limit.
template <class Transform>
vector_of<Transform> small_integers(std::uint64_t seed, int limit) {
  oracle::bit_source random(seed);
  vector_of<Transform> result{};
  for (float& value : result.values) {
    value = static_cast<float>(static_cast<int>(random.below(2 * static_cast<std::uint32_t>(limit) + 1)) - limit);
  }
  return result;
}

/// On integers of magnitude up to 1000: invert(apply(x)) is x. For sizes whose square root is a
/// power of two only, since the factor is then exact.
template <class Transform>
int inverse_violations(Transform const& transform, std::uint64_t count) {
  static_assert(nibble::transform::policy<Transform>);
  int wrong = 0;
  for (std::uint64_t i = 0; i != count; ++i) {
    auto const original = small_integers<Transform>(i, 1000);
    auto changed = original;
    transform.apply(changed.values);
    transform.invert(changed.values);
    bool equal = true;
    for (std::size_t j = 0; j != std::size_t{Transform::size}; ++j) {
      equal &= changed.values[j] == original.values[j];
    }
    wrong += equal ? 0 : 1;
  }
  return wrong;
}

/// On integers of magnitude up to 100: the product X Y^T of `rows` rows each is the same, number by
/// number, before and after the transform of every row of both.
template <class Transform>
int product_violations(Transform const& transform, std::uint64_t rows) {
  std::vector<vector_of<Transform>> plain, changed;
  for (std::uint64_t i = 0; i != 2 * rows; ++i) {
    plain.push_back(small_integers<Transform>(1000 + i, 100));
    changed.push_back(plain.back());
    transform.apply(changed.back().values);
  }
  auto const dot = [](auto const& x, auto const& y) {
    double sum = 0;
    for (std::size_t j = 0; j != std::size_t{Transform::size}; ++j) {
      sum += static_cast<double>(x.values[j]) * static_cast<double>(y.values[j]);
    }
    return sum;
  };
  int wrong = 0;
  for (std::size_t i = 0; i != rows; ++i) {
    for (std::size_t j = rows; j != 2 * rows; ++j) {
      wrong += dot(plain[i], plain[j]) == dot(changed[i], changed[j]) ? 0 : 1;
    }
  }
  return wrong;
}

}  // namespace laws
