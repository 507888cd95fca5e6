// SPDX-License-Identifier: Apache-2.0
// Functions of numbers whose bits do not depend on the vector width, on where an array starts in
// memory or on the C library: every sum has its order written down.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "train_lm/matrix.hpp"

namespace train_lm {

inline double exponential(double x) { return std::exp(x); }

/// e^x within 2 units in the last place, in a form that compilers vectorise.
/// rule    2^k e^r with k the nearest integer to x / ln 2 and a Taylor polynomial, |r| <= 0.35;
///         x is clamped to [-87, 88].
inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // Adding 1.5 * 2^23 leaves no bits for a fraction: the sum is rounded to an integer.
  float const magic = 12582912.0f;
  float const k = (x * 1.44269504f + magic) - magic;
  // ln 2 in two parts; the first has so few bits that k times it is exact.
  float const r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  float e = 1.0f / 5040;
  e = e * r + 1.0f / 720;
  e = e * r + 1.0f / 120;
  e = e * r + 1.0f / 24;
  e = e * r + 1.0f / 6;
  e = e * r + 0.5f;
  e = (e * r) * r + r + 1.0f;
  return e * std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
}

/// 1 / (1 + e^-x).
template <class Real>
Real sigmoid(Real x) {
  return Real{1} / (Real{1} + exponential(-x));
}

/// ln(1 + e^x), the positive and smooth cousin of max(x, 0).
template <class Real>
Real softplus(Real x) {
  return x > Real{20} ? x : std::log1p(exponential(x));
}

inline constexpr extent lanes = 16;

/// Adds up sixteen numbers in a tree.
template <class Real>
Real sum_of_lanes(Real const (&lane)[lanes]) {
  Real eight[8], four[4];
  for (extent i = 0; i < 8; ++i) eight[i] = lane[i] + lane[i + 8];
  for (extent i = 0; i < 4; ++i) four[i] = eight[i] + eight[i + 4];
  return (four[0] + four[2]) + (four[1] + four[3]);
}

/// The inner product of two arrays.
/// rule    element i goes to lane i mod 16; the lanes are added in a tree.
template <class Real>
Real dot(Real const* a, Real const* b, extent count) {
  Real lane[lanes] = {};
  extent i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (extent l = 0; l < lanes; ++l) lane[l] += a[i + l] * b[i + l];
  }
  for (; i < count; ++i) lane[i % lanes] += a[i] * b[i];
  return sum_of_lanes(lane);
}

/// The sum of an array, in the order of dot.
template <class Real>
Real sum(Real const* a, extent count) {
  Real lane[lanes] = {};
  extent i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (extent l = 0; l < lanes; ++l) lane[l] += a[i + l];
  }
  for (; i < count; ++i) lane[i % lanes] += a[i];
  return sum_of_lanes(lane);
}

/// The largest of at least one number.
template <class Real>
Real largest(Real const* a, extent count) {
  Real result = a[0];
  for (extent i = 1; i < count; ++i) result = a[i] > result ? a[i] : result;
  return result;
}

}  // namespace train_lm
