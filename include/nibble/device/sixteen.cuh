// SPDX-License-Identifier: Apache-2.0
// Sixteen floats of one thread to sixteen e2m1 codes, in the fewest instructions known: quantize
// kernels are bound by the rate of instructions, not by memory.
#pragma once

#include "nibble/arch/ptx.cuh"
#include "nibble/device/group.cuh"
#include "nibble/rounding/stochastic.hpp"

namespace nibble::device {

namespace detail {

/// The signs of 8 values, value i's in bit 4 i + 3.
__device__ __forceinline__ std::uint32_t signs_of(float const* values) {
  auto const gather = [&](int first) {  // the top bytes of four values, two apart
    auto const bits = [&](int i) { return __float_as_uint(values[first + i]); };
    return __byte_perm(__byte_perm(bits(0), bits(2), 0x0073), __byte_perm(bits(4), bits(6), 0x0073),
                       0x5410);
  };
  return (gather(0) >> 4 & 0x0808'0808u) | (gather(1) & 0x8080'8080u);
}

/// The magnitude codes of 8 products below 7 in magnitude, none of them NaN.
///
/// rule    as arch::encode_e2m1_magnitude, but the steps' beginnings are part of what is added, and
///         all eight share the constant's bits, which one subtraction takes off.
__device__ __forceinline__ std::uint32_t nearest_magnitudes(float const* values, float factor) {
  auto const code = [&](int i) {
    float const y = arch::ptx::abs_f32(arch::ptx::mul_rn_f32(values[i], factor));
    std::uint32_t result = __float_as_uint(arch::ptx::add_rn_f32(y, 0x1p24f + 8));
    result = __viaddmin_u32(__float_as_uint(arch::ptx::add_rn_f32(y, 0x1p23f + 2)),
                            0x4B80'0000u - 0x4B00'0000u, result);
    return __viaddmin_u32(__float_as_uint(arch::ptx::add_rn_f32(y, 0x1p22f)),
                          0x4B80'0000u - 0x4A80'0000u, result);
  };
  auto const pair = [&](int i) { return code(i) + code(i + 1) * 16; };
  auto const four = [&](int i) { return pair(i) + pair(i + 2) * 256; };
  return four(0) + four(4) * 65536 - 0x4B80'0000u * 0x1111'1111u;
}

/// The magnitude codes of 8 products below 7 in magnitude, none of them NaN, by stochastic rounding
/// with the 8 bytes of two words.
///
/// rule    with f(y) = min(2 y, y + 2, y / 2 + 4), which is the code and the share of the next one,
///         a code is floor((floor(256 f) + random) / 256), at most 7. Additions toward zero give
///         floor(256 f); the rest is done on pairs in the halves of a word.
/// bits    those of format::stochastic<8>.
__device__ __forceinline__ std::uint32_t stochastic_magnitudes(float const* values, float factor,
                                                               std::uint32_t random0,
                                                               std::uint32_t random1) {
  auto const fixed = [&](int i) {  // 0x4700'0000 + floor(256 f)
    float const y = arch::ptx::abs_f32(arch::ptx::mul_rn_f32(values[i], factor));
    std::uint32_t result = __float_as_uint(arch::ptx::add_rz_f32(y, 0x1p15f + 2));
    result = __viaddmin_u32(__float_as_uint(arch::ptx::add_rz_f32(y, 0x1p16f + 8)),
                            0x4700'0000u - 0x4780'0000u, result);
    return __viaddmin_u32(__float_as_uint(arch::ptx::add_rz_f32(y, 0x1p14f)),
                          0x4700'0000u - 0x4680'0000u, result);
  };
  // Values i and i + 2 of four, their codes in bytes 1 and 3. The noise carries what takes the
  // constant of the lower value out of the upper half.
  auto const rounded = [&](int i, std::uint32_t random, unsigned selector) {
    std::uint32_t const noise = __byte_perm(random, 0xB900'0000u, selector);
    return __viaddmin_u16x2(fixed(i) + fixed(i + 2) * 65536, noise, 0x07FF'07FFu);
  };
  std::uint32_t const even =
      __byte_perm(rounded(0, random0, 0x7240), rounded(4, random1, 0x7240), 0x7531);
  std::uint32_t const odd =
      __byte_perm(rounded(1, random0, 0x7341), rounded(5, random1, 0x7341), 0x7531);
  return even + odd * 16;
}

template <class Rounding>
inline constexpr bool is_nearest = std::is_same_v<Rounding, rounding::nearest_even>;
template <class Rounding>
inline constexpr bool draws_bytes = false;
template <class Source>
inline constexpr bool draws_bytes<rounding::stochastic<8, Source>> = true;

/// Is the scale's encode factor scaling::encode_multiplier, so that it can be read from a table?
template <class Scaling>
inline constexpr bool has_encode_table = false;
template <scaling::tile Shape, class Outer, class Rule, int Numerator, int Denominator>
inline constexpr bool has_encode_table<scaling::amax<Shape, Outer, Rule, Numerator, Denominator>> =
    true;

}  // namespace detail

/// Does Quantizer make blocks of 16 e2m1 codes with one-byte scales, group by group of one block or
/// of one 16x16 tile whose amax is all that its scale needs, under one amax?
template <class Quantizer>
inline constexpr bool makes_sixteens =
    Quantizer::has_one_amax&& Quantizer::block_type::size == 16 && Quantizer::group.columns == 16 &&
    Quantizer::element_type::format == format::e2m1 &&
    sizeof(typename Quantizer::scale_type) == 1 &&
    (Quantizer::group.rows == 1 || (Quantizer::transform_type::size == 1 &&
                                    scaling::needs_amax_only<typename Quantizer::scaling_type,
                                                             typename Quantizer::block_type>)) &&
    std::is_same_v<decltype(Quantizer::correction), correction::none>;

/// The largest magnitude of 16 values, NaN if there is one.
__device__ __forceinline__ float amax_or_nan(float const (&values)[16]) {
  float largest = 0;
  for (float const value : values) largest = arch::ptx::max_nan_abs_f32(largest, value);
  return largest;
}

/// What the threads of a CTA keep of a quantizer: its factors, and in shared memory the encode
/// factor of each scale, so that no block costs a division.
///
/// shape   table: table_size floats of shared memory. fill_table is called by all threads, then
///         __syncthreads; after that any thread may encode.
/// bits    those of Quantizer::encode.
template <class Quantizer>
class sixteen_encoder {
 public:
  using block_type = typename Quantizer::block_type;
  using scale_type = typename Quantizer::scale_type;
  using element_type = typename Quantizer::element_type;
  using chosen = scaling::chosen<scale_type>;
  static constexpr bool needs_amax_only =
      scaling::needs_amax_only<typename Quantizer::scaling_type, block_type>;
  static constexpr bool has_table = detail::has_encode_table<typename Quantizer::scaling_type>;
  static constexpr int table_size = has_table ? (scale_type::format.is_signed ? 128 : 256) : 1;

  __device__ __forceinline__ sixteen_encoder(Quantizer const& q, float amax, float* table)
      : q_(q), factors_(Quantizer::prepare({amax})), table_(table) {}

  __device__ __forceinline__ void fill_table() const {
    if constexpr (has_table) {
      for (unsigned i = threadIdx.x; i < unsigned{table_size}; i += blockDim.x) {
        table_[i] = scaling::encode_multiplier(
            static_cast<float>(scale_type::from_bits(static_cast<std::uint8_t>(i))), factors_);
      }
    }
  }

  /// The scale of a tile whose amax, NaN aside, is known.
  [[nodiscard]] __device__ __forceinline__ chosen choose(float amax) const {
    static_assert(needs_amax_only);
    chosen result = Quantizer::scaling_type::template choose_for<block_type>(amax, factors_);
    if constexpr (has_table) result.encode = table_[result.scale.bits()];
    return result;
  }

  /// The codes of 16 values under a scale. largest: their amax, or NaN where one is NaN.
  [[nodiscard]] __device__ __forceinline__ std::uint64_t codes(float const (&values)[16],
                                                               float encode, float largest,
                                                               std::uint64_t position) const {
    // Neither NaN nor anything that saturates beyond the next code: almost always.
    bool const is_plain = arch::multiply(largest, encode) < 7.0f;
#if !NIBBLE_HAS_CVT_E2M1
    if constexpr (detail::is_nearest<typename Quantizer::rounding_type>) {
      if (is_plain) {
        std::uint32_t const low = detail::nearest_magnitudes(values, encode);
        std::uint32_t const high = detail::nearest_magnitudes(values + 8, encode);
        return join(low | detail::signs_of(values), high | detail::signs_of(values + 8));
      }
    }
#endif
    if constexpr (detail::draws_bytes<typename Quantizer::rounding_type>) {
      if (is_plain && position % 16 == 0) {
        random::words const drawn = q_.rounding.source(position / 16);
        std::uint32_t const low =
            detail::stochastic_magnitudes(values, encode, drawn.value[0], drawn.value[1]);
        std::uint32_t const high =
            detail::stochastic_magnitudes(values + 8, encode, drawn.value[2], drawn.value[3]);
        return join(low | detail::signs_of(values), high | detail::signs_of(values + 8));
      }
    }
    float scaled[16];
    for (int i = 0; i < 16; ++i) scaled[i] = arch::multiply(values[i], encode);
    return word_of(q_.rounding.template encode<element_type>(scaled, position));
  }

  /// One block of 1x16: transformed values to codes and scale.
  __device__ __forceinline__ std::uint64_t operator()(float const (&values)[16],
                                                      std::uint64_t position,
                                                      scale_type& scale) const {
    if constexpr (needs_amax_only) {
      float const largest = amax_or_nan(values);
      chosen const made = choose(without_nan(largest, values));
      scale = made.scale;
      return codes(values, made.encode, largest, position);
    } else {
      float row[1][16];
      for (int i = 0; i < 16; ++i) row[0][i] = values[i];
      auto const made = q_.encode(row, factors_, position);
      scale = made.scale;
      return word_of(made.codes);
    }
  }

  /// Transforms a row in place; nothing without a transform.
  __device__ __forceinline__ void transform(float (&values)[16]) const { q_.transform_row(values); }

  /// The amax with NaN left out, given the one with it.
  [[nodiscard]] __device__ __forceinline__ static float without_nan(float largest,
                                                                    float const (&values)[16]) {
    if (largest == largest) return largest;
    return nibble::detail::float_from_bits(scaling::row_amax_bits(values));
  }

 private:
  [[nodiscard]] __device__ __forceinline__ static std::uint64_t join(std::uint32_t low,
                                                                     std::uint32_t high) {
    return static_cast<std::uint64_t>(high) << 32 | low;
  }
  [[nodiscard]] __device__ __forceinline__ static std::uint64_t word_of(
      packed<element_type, 16> const& codes) {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= static_cast<std::uint64_t>(codes.bytes()[i]) << (8 * i);
    return word;
  }

  Quantizer const& q_;
  typename Quantizer::factors factors_;
  float* table_;
};

}  // namespace nibble::device
