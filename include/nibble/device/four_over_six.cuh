// SPDX-License-Identifier: Apache-2.0
// Four Over Six for one thread's sixteen values: both candidates side by side, and their errors in units
// of the scale, without a division or a table of decoded values.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/device/nearest.cuh"
#include "nibble/scaling/four_over_six.hpp"

namespace nibble::device::detail {

/// What the kernels need to know of a metric: the power of the scale that a sum is worth, and how far, in
/// that unit and beside the sums themselves, a sum in units of the scale may be from the promised one.
///
/// rule    with u = 2^-24: the factor is 1 / scale but for 4 u, a product of 7 has u more; a decoded 6 has
///         2 u and the difference from it u, so differences are off by 48 u at most. Of squares that is
///         96 u |d|, and |d| is at most d^2 + 1/4; 16 of them are off by (384 + 96 e) u, and
///         16 additions and squares of either kind by 36 u of the sum e. Of magnitudes: 768 u.
template <class Metric>
struct error_unit;
template <>
struct error_unit<scaling::squared_error> {
  static constexpr bool is_squared = true;
  static constexpr float tolerance = 0x1p-15f;
};
template <>
struct error_unit<scaling::absolute_error> {
  static constexpr bool is_squared = false;
  static constexpr float tolerance = 0x1p-14f;
};
template <>
struct error_unit<scaling::largest_error> : error_unit<scaling::absolute_error> {};

/// What a scaling policy is to the kernels: one that a FourOverSix of one row is.
template <class Scaling>
inline constexpr bool is_four_over_six = false;
template <class Metric, class Outer>
inline constexpr bool is_four_over_six<scaling::four_over_six<Metric, scaling::tile::row, Outer>> =
    std::is_base_of_v<tensor_scale::current<Outer::bound>, Outer>&& requires {
  error_unit<Metric>::tolerance;
};

/// What a four_over_six is made of.
template <class Scaling>
struct scaling_parts;
template <class Metric, scaling::tile Shape, class Outer>
struct scaling_parts<scaling::four_over_six<Metric, Shape, Outer>> {
  using metric = Metric;
  using outer = Outer;
};

/// Products are taken times this, so that a code is what the bits of a half count.
inline constexpr float half_unit = 0x1p-14f;

/// Is nothing near the ends of the range of float under an amax?
[[nodiscard]] __device__ __forceinline__ bool has_ordinary_amax(tensor_scale::factors const& f) {
  return f.amax >= 0x1p-80f && f.amax <= 0x1p100f;
}

/// The factors of all scales times half_unit, NaN where the short way must not be taken. All threads of a
/// CTA call it, then __syncthreads.
__device__ __forceinline__ void fill_small_factors(float* table, tensor_scale::factors const& f,
                                                   unsigned thread) {
  for (unsigned i = thread; i < 128; i += blockDim.x) {
    auto const scale = static_cast<float>(fp8_e4m3::from_bits(static_cast<std::uint8_t>(i)));
    float const factor = scaling::encode_multiplier(scale, f);
    bool const is_usable = has_ordinary_amax(f) && factor >= 0x1p-100f && factor <= 0x1p110f;
    table[i] = nibble::detail::float_from_bits(
        is_usable ? nibble::detail::float_bits(arch::multiply(factor, half_unit)) : 0x7FC0'0000u);
  }
}

/// x / 6, of numbers from 2^-100 on: a product, what it misses, and a product of that.
[[nodiscard]] __device__ __forceinline__ float sixth_of(float x) {
  constexpr float sixth = 1.0f / 6;
  float const near = arch::ptx::mul_rn_f32(x, sixth);
  return arch::ptx::fma_rn_f32(arch::ptx::fma_rn_f32(-6.0f, near, x), sixth, near);
}

/// A candidate scale, and what becomes of 16 values under it.
struct candidate {
  fp8_e4m3 scale;
  float factor;             // of fill_small_factors
  float error;              // in units of the scale, or its square, and of half_unit
  std::uint32_t halves[8];  // of values i and i + 2: 512 times the code of a magnitude
};

/// Two magnitudes times half_unit, below 7, rounded to e2m1 times half_unit.
///
/// rule    with z the first eight bits of y, at least 1: y + 2^22 z has the grid of e2m1 as its last
///         place, and ties to even there are ties to even of codes.
__device__ __forceinline__ void round_two(float const (&y)[2], float (&rounded)[2]) {
  constexpr std::uint32_t ones = 0x3880'3880u;  // half_unit, twice
  constexpr float shift = 0x1p22f;
  float leading[2];
  widen<bf16>(arch::ptx::max_bf16x2(arch::ptx::cvt_rz_bf16x2_f32(y[0], y[1]), ones), leading);
  for (int i = 0; i < 2; ++i) {
    float const sum = arch::ptx::fma_rn_f32(leading[i], shift, y[i]);
    rounded[i] = arch::ptx::fma_rn_f32(leading[i], -shift, sum);
  }
}

/// Rounds 16 products, below 7 in magnitude and not NaN, and sums their errors in any order.
template <class Metric>
__device__ __forceinline__ void round_sixteen(float const (&values)[16], candidate& it) {
  float sums[2]{};
  for (int i = 0; i < 16; i += i % 2 == 0 ? 1 : 3) {  // with the one two further on
    float y[2], rounded[2];
    for (int k = 0; k < 2; ++k) {
      y[k] = arch::ptx::mul_rn_f32(arch::ptx::abs_f32(values[i + 2 * k]), it.factor);
    }
    round_two(y, rounded);
    for (int k = 0; k < 2; ++k) {
      float const difference = arch::ptx::sub_rn_f32(y[k], rounded[k]);
      if constexpr (error_unit<Metric>::is_squared) {
        sums[k] = arch::ptx::fma_rn_f32(difference, difference, sums[k]);
      } else {
        sums[k] = Metric::add(sums[k], difference);
      }
    }
    it.halves[i / 4 * 2 + i % 2] = arch::ptx::cvt_rz_f16x2_f32(rounded[0], rounded[1]);
  }
  it.error = Metric::merge(sums[0], sums[1]);
}

/// The promised error, in the order of scaling::tile_errors.
///
/// rule    decoded codes are powers of two times those of 1 and 1.5, whatever has been rounded on the way,
///         as has_ordinary_amax leaves nothing to the ends of the range.
template <class Metric>
[[nodiscard]] __device__ __forceinline__ float promised_error(float const (&values)[16],
                                                              fp8_e4m3 scale, float factor,
                                                              float amax, float range) {
  auto const step = static_cast<float>(scale);
  auto const decoded = [&](float code) {
    float const product = arch::multiply(arch::multiply(code, step), amax);
    return arch::multiply(arch::divide(product, range), 1.0f / half_unit);
  };
  float const of_one = decoded(1.0f), of_more = decoded(1.5f);
  float sum = 0;
  for (int i = 0; i < 16; i += 2) {
    float y[2], rounded[2];
    for (int k = 0; k < 2; ++k) {
      y[k] = arch::ptx::mul_rn_f32(arch::ptx::abs_f32(values[i + k]), factor);
    }
    round_two(y, rounded);
    for (int k = 0; k < 2; ++k) {
      std::uint32_t const bits = __float_as_uint(rounded[k]);
      float const power = __uint_as_float(bits & 0x7F80'0000u);
      float const found = arch::multiply(power, (bits & 0x0040'0000u) != 0 ? of_more : of_one);
      sum = Metric::add(sum, arch::subtract(found, arch::ptx::abs_f32(values[i + k])));
    }
  }
  return sum;
}

/// The scale and magnitude codes that four_over_six chooses, as scaling::four_over_six::choose does
/// and rounding to nearest after it; false where a product is NaN or 7 or more or the table has no
/// factor, and nothing is chosen. `table` is of fill_small_factors.
template <class Scaling>
[[nodiscard]] __device__ __forceinline__ bool choose_four_or_six(
    float const (&values)[16], float largest, tensor_scale::factors const& f, float const* table,
    fp8_e4m3& scale, std::uint32_t (&codes)[2]) {
  using metric = typename scaling_parts<Scaling>::metric;
  using unit = error_unit<metric>;
  constexpr float limit = 448.0f;
  constexpr float range = scaling_parts<Scaling>::outer::template range<fp4_e2m1>;
  if (nibble::detail::float_bits(largest) == 0 && has_ordinary_amax(f)) {  // no subnormal
    scale = fp8_e4m3::from_bits(0);
    codes[0] = codes[1] = 0;
    return true;
  }
  float const base = arch::multiply(sixth_of(largest), f.encode);
  candidate six, four;
  six.scale = fp8_e4m3(arch::minimum(base, limit));
  four.scale = fp8_e4m3(arch::minimum(arch::multiply(base, 1.5f), limit));
  six.factor = table[six.scale.bits()];
  four.factor = table[four.scale.bits()];
  constexpr float end = 7 * half_unit;
  if (!(arch::multiply(largest, six.factor) < end && arch::multiply(largest, four.factor) < end)) {
    return false;
  }
  round_sixteen<metric>(values, six);
  round_sixteen<metric>(values, four);
  auto const worth = [](candidate const& it) {  // the bits of a scale that is no NaN, moved
    float const step = arch::multiply(__uint_as_float(it.scale.bits() << 20), 0x1p120f);
    return unit::is_squared ? arch::multiply(step, step) : step;
  };
  constexpr float one = unit::is_squared ? half_unit * half_unit : half_unit;
  float const of_six = arch::multiply(six.error, worth(six)),
              of_four = arch::multiply(four.error, worth(four));
  float const bound =
      arch::ptx::fma_rn_f32(arch::add(worth(six), worth(four)), one, arch::add(of_six, of_four));
  float const lead = arch::subtract(of_six, of_four);
  bool is_four = lead > 0;
  std::uint32_t halves[8];
  if (arch::ptx::abs_f32(lead) > arch::multiply(bound, unit::tolerance)) {
    for (int i = 0; i < 8; ++i) halves[i] = is_four ? four.halves[i] : six.halves[i];
  } else {  // rounded once more, so that nothing above is kept for it
    float promised = 0;
#pragma unroll 1
    for (int first = 1; first >= 0; --first) {
      float const other = promised;
      promised = promised_error<metric>(values, first ? six.scale : four.scale,
                                        first ? six.factor : four.factor, f.amax, range);
      is_four = arch::less(promised, other);
    }
    candidate again;
    again.factor = is_four ? four.factor : six.factor;
    round_sixteen<metric>(values, again);
    for (int i = 0; i < 8; ++i) halves[i] = again.halves[i];
  }
  scale = is_four ? four.scale : six.scale;
  for (int word = 0; word < 2; ++word) {
    std::uint32_t const* const of_word = halves + 4 * word;
    codes[word] = codes_of_halves({of_word[0], of_word[1], of_word[2], of_word[3]});
  }
  return true;
}

}  // namespace nibble::device::detail
