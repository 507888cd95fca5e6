// SPDX-License-Identifier: Apache-2.0
// Four Over Six for one thread's sixteen values: both candidates side by side, each code's decoded
// value read from a table, so that no element costs a division.
#pragma once

#include "nibble/device/nearest.cuh"
#include "nibble/scaling/four_over_six.hpp"

namespace nibble::device::detail {

template <class Metric>
inline constexpr bool is_even_metric = std::is_same_v<Metric, scaling::squared_error> ||
                                       std::is_same_v<Metric, scaling::absolute_error> ||
                                       std::is_same_v<Metric, scaling::largest_error>;

/// What a scaling policy is to the kernels: one that a FourOverSix of one row is.
template <class Scaling>
inline constexpr bool is_four_over_six = false;
template <class Metric, class Outer>
inline constexpr bool is_four_over_six<scaling::four_over_six<Metric, scaling::tile::row, Outer>> =
    is_even_metric<Metric>;

/// The metric of a four_over_six.
template <class Scaling>
struct metric_of;
template <class Metric, scaling::tile Shape, class Outer>
struct metric_of<scaling::four_over_six<Metric, Shape, Outer>> {
  using type = Metric;
};

/// The values that codes 0 to 7 stand for under each e4m3 scale, as the error of four_over_six has
/// them: ((code * scale) * amax) / range. All threads of a CTA fill it, then __syncthreads.
template <class Outer>
__device__ __forceinline__ void fill_decoded(float (*decoded)[8], float amax) {
  constexpr float range = Outer::template range<fp4_e2m1>;
  for (unsigned i = threadIdx.x; i < 128 * 8; i += blockDim.x) {
    auto const scale = static_cast<float>(fp8_e4m3::from_bits(static_cast<std::uint8_t>(i / 8)));
    auto const code = static_cast<float>(fp4_e2m1::from_bits(static_cast<std::uint8_t>(i % 8)));
    decoded[i / 8][i % 8] = arch::divide(arch::multiply(arch::multiply(code, scale), amax), range);
  }
}

/// A candidate scale, and what becomes of 16 values under it.
struct candidate {
  fp8_e4m3 scale;
  float encode;
  float error;
  std::uint32_t codes[2];  // magnitudes
};

/// Encodes 16 values under a candidate and sums the error, in the order of scaling::tile_errors.
///
/// rule    the products must be below 7 in magnitude, none of them NaN. Signs do not matter: a
///         difference of magnitudes is the difference up to its sign.
template <class Metric>
__device__ __forceinline__ void try_scale(float const (&values)[16], float const (*decoded)[8],
                                          candidate& it) {
  float const* const row = decoded[it.scale.bits()];
  it.error = 0;
  for (int word = 0; word < 2; ++word) {
    std::uint32_t code[8];
    for (int i = 0; i < 8; ++i) {
      float const value = values[8 * word + i];
      code[i] = nearest_magnitude_above(value, it.encode) - nearest_base;
      float const difference = arch::subtract(row[code[i]], arch::ptx::abs_f32(value));
      it.error = Metric::add(it.error, difference);
    }
    auto const pair = [&](int i) { return code[i] + code[i + 1] * 16; };
    auto const four = [&](int i) { return pair(i) + pair(i + 2) * 256; };
    it.codes[word] = four(0) + four(4) * 65536;
  }
}

/// The scale and magnitude codes that four_over_six chooses, as scaling::four_over_six::choose does
/// and rounding to nearest after it; false where a product is NaN or 7 or more, and nothing is
/// chosen.
template <class Scaling>
__device__ __forceinline__ bool choose_four_or_six(float const (&values)[16], float largest,
                                                   tensor_scale::factors const& f,
                                                   float const* encode_table,
                                                   float const (*decoded)[8], candidate& chosen) {
  using metric = typename metric_of<Scaling>::type;
  constexpr float limit = 448.0f;
  float const base = arch::multiply(arch::divide(largest, 6.0f), f.encode);
  candidate six{}, four{};
  six.scale = fp8_e4m3(arch::minimum(base, limit));
  four.scale = fp8_e4m3(arch::minimum(arch::multiply(base, 1.5f), limit));
  six.encode = encode_table[six.scale.bits()];
  four.encode = encode_table[four.scale.bits()];
  if (!is_below_7(arch::multiply(largest, six.encode)) ||
      !is_below_7(arch::multiply(largest, four.encode))) {
    return false;
  }
  try_scale<metric>(values, decoded, six);
  try_scale<metric>(values, decoded, four);
  chosen = arch::less(four.error, six.error) ? four : six;
  return true;
}

}  // namespace nibble::device::detail
