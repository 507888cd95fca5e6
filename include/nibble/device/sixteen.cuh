// SPDX-License-Identifier: Apache-2.0
// Sixteen floats of one thread to sixteen e2m1 codes and their scale: what all quantize kernels of 4-bit blocks share.
#pragma once

#include "nibble/device/four_over_six.cuh"
#include "nibble/device/group.cuh"
#include "nibble/device/prepared.cuh"
#include "nibble/device/thresholds.cuh"

namespace nibble::device {

namespace detail {

/// Is the scale's encode factor scaling::encode_multiplier, so that it can be read from a table?
template <class Scaling>
inline constexpr bool has_encode_table = false;
template <scaling::tile Shape, class Outer, class Rule, int Numerator, int Denominator>
inline constexpr bool has_encode_table<scaling::amax<Shape, Outer, Rule, Numerator, Denominator>> =
    true;

/// Is it four_over_six, of which both candidates are encoded at once?
template <class Quantizer>
inline constexpr bool chooses_four_or_six = is_four_over_six<typename Quantizer::scaling_type>&&
    is_nearest<typename Quantizer::rounding_type>&&
        std::is_same_v<typename Quantizer::scale_type, fp8_e4m3>;

}  // namespace detail

/// Does Quantizer make blocks of 16 e2m1 codes with one-byte scales, group by group of one block or of one 16x16 tile
/// whose amax is all that its scale needs, under one amax?
template <class Quantizer>
inline constexpr bool makes_sixteens =
    Quantizer::has_one_amax&& Quantizer::group.columns == 16 &&
    std::is_same_v<typename Quantizer::block_type,
                   block<fp4_e2m1, typename Quantizer::scale_type, 16>> &&
    sizeof(typename Quantizer::scale_type) == 1 &&
    (Quantizer::group.rows == 1 || (Quantizer::transform_type::size == 1 &&
                                    scaling::needs_amax_only<typename Quantizer::scaling_type,
                                                             typename Quantizer::block_type>)) &&
    std::is_same_v<decltype(Quantizer::correction), correction::none>;

/// What the threads of a CTA keep of a quantizer: its factors, and in shared memory the encode factor or the thresholds
/// of each scale, so that hardly a block costs a division.
///
/// shape   table: table_size floats of shared memory, 16-byte aligned. detail::fill_tables is called by all threads,
///         then __syncthreads; after that any thread may encode.
/// bits    those of Quantizer::encode.
template <class Quantizer, bool WithThresholds = false>
class sixteen_encoder {
 public:
  using block_type = typename Quantizer::block_type;
  using scale_type = typename Quantizer::scale_type;
  using element_type = typename Quantizer::element_type;
  using rounding_type = typename Quantizer::rounding_type;
  using chosen = scaling::chosen<scale_type>;
  static constexpr bool needs_amax_only =
      scaling::needs_amax_only<typename Quantizer::scaling_type, block_type>;
  /// Is there a quick way to the codes?
  static constexpr bool is_quick =
      detail::is_nearest<rounding_type> || detail::draws_bytes<rounding_type>;
  static constexpr bool is_four_or_six = detail::chooses_four_or_six<Quantizer>;
  static constexpr bool has_table =
      detail::has_encode_table<typename Quantizer::scaling_type> || is_four_or_six;
  /// By thresholds, of pairs? Worth their table where much is encoded for a value read.
  static constexpr bool has_thresholds =
      WithThresholds && detail::is_nearest<rounding_type> && detail::share_a_floor<scale_type> &&
      detail::leaves_room_for_floor<typename Quantizer::scaling_type> &&
      detail::leaves_pairs<typename Quantizer::transform_type>;
  static constexpr int scale_count = has_table ? (scale_type::format.is_signed ? 128 : 256) : 1;
  static constexpr int table_size =
      has_thresholds ? detail::threshold_table<scale_count>::size : scale_count;

  __device__ __forceinline__ sixteen_encoder(Quantizer const& q, float amax, float* table)
      : q_(q), factors_(Quantizer::prepare({amax})), table_(table) {}

  __device__ __forceinline__ void fill_table(unsigned thread = threadIdx.x) const {
    if constexpr (is_four_or_six) {
      detail::fill_small_factors(table_, factors_, thread);
    } else if constexpr (reads_factors()) {
      for (unsigned i = thread; i < unsigned{scale_count}; i += blockDim.x) {
        table_[i] = factor_of(i);
      }
    }
  }

  [[nodiscard]] __device__ __forceinline__ detail::threshold_table<scale_count> thresholds() const {
    return {table_};
  }
  /// Fills them, of factors `share` times those of the scales.
  __device__ __forceinline__ void fill_thresholds(float share, unsigned thread) const {
    thresholds().fill([&](unsigned i) { return arch::multiply(factor_of(i), share); }, thread);
  }

  /// The scale of a tile whose amax, NaN aside, is known.
  [[nodiscard]] __device__ __forceinline__ chosen choose(float amax) const {
    static_assert(needs_amax_only);
    chosen result = Quantizer::scaling_type::template choose_for<block_type>(amax, factors_);
    if constexpr (reads_factors()) result.encode = table_[result.scale.bits()];
    return result;
  }

  /// The codes of 16 values under a scale, the first at a position that is a multiple of 16.
  /// largest: their amax, or NaN where one is NaN.
  [[nodiscard]] __device__ __forceinline__ std::uint64_t codes(float const (&values)[16],
                                                               float encode, float largest,
                                                               std::uint64_t position) const {
    if constexpr (is_quick) {
      // Almost always.
      if (is_plain(encode, largest)) {
        return plain_codes(values, encode, position,
                           [&](int word) { return detail::signs_of(values + 8 * word); });
      }
      return slow_codes(values, encode, position);
    } else {
      float scaled[16];
      for (int i = 0; i < 16; ++i) scaled[i] = arch::multiply(values[i], encode);
      return word_of(q_.rounding.template encode<element_type>(scaled, position));
    }
  }

  /// Is there neither NaN nor a product that saturates beyond the next code, and can the short
  /// encoder take the factor?
  [[nodiscard]] __device__ __forceinline__ static bool is_plain(float encode, float largest) {
    return detail::is_below_7(arch::multiply(largest, encode)) &&
           (!detail::draws_bytes<rounding_type> || detail::leaves_room_for_halves(encode));
  }

  /// The same where is_plain. signs(0) and signs(1): the signs of 8 values each, as detail::signs_of.
  template <class Signs>
  [[nodiscard]] __device__ __forceinline__ std::uint64_t plain_codes(float const (&values)[16],
                                                                     float encode,
                                                                     std::uint64_t position,
                                                                     Signs const& signs) const {
    if constexpr (detail::draws_bytes<rounding_type>) {
      random::words const drawn = q_.rounding.source(position / 16);
      std::uint32_t const low =
          detail::stochastic_magnitudes(values, encode, drawn.value[0], drawn.value[1]);
      std::uint32_t const high =
          detail::stochastic_magnitudes(values + 8, encode, drawn.value[2], drawn.value[3]);
      return join(low | signs(0), high | signs(1));
    } else {
#if NIBBLE_HAS_CVT_E2M1
      float scaled[2][8];
      detail::multiply_sixteen(values, encode, scaled);
      return join(arch::encode_e2m1x8(scaled[0]), arch::encode_e2m1x8(scaled[1]));
#else
      std::uint32_t const low = detail::nearest_magnitudes(values, encode);
      std::uint32_t const high = detail::nearest_magnitudes(values + 8, encode);
      return join(low | signs(0), high | signs(1));
#endif
    }
  }

  /// The same for any values: what is rare, in a loop that stays rolled up, so that it takes no registers from the rest.
  [[nodiscard]] __device__ __forceinline__ std::uint64_t slow_codes(float const (&values)[16],
                                                                    float encode,
                                                                    std::uint64_t position) const {
    float copy[16];
    for (int i = 0; i < 16; ++i) copy[i] = values[i];
    [[maybe_unused]] random::words drawn{};
    if constexpr (detail::draws_bytes<rounding_type>) drawn = q_.rounding.source(position / 16);
    std::uint64_t result = 0;
#pragma unroll 1
    for (int i = 0; i < 16; ++i) {
      float const scaled = arch::multiply(copy[i], encode);
      element_type code;
      if constexpr (detail::draws_bytes<rounding_type>) {
        code = rounding_type::template round<element_type>(
            scaled, drawn.value[i / 4] >> (8 * (i % 4)) & 0xFFu);
      } else {
        code = rounding_type::template round<element_type>(scaled);
      }
      result |= static_cast<std::uint64_t>(code.bits()) << (4 * i);
    }
    return result;
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
      return by_policy(values, amax_or_nan(values), position, scale,
                       [&](int word) { return detail::signs_of(values + 8 * word); });
    }
  }

  /// The same where the amax, NaN if there is one, is known and is not all the scale needs; signs as for plain_codes.
  template <class Signs>
  __device__ __forceinline__ std::uint64_t by_policy(float const (&values)[16],
                                                     [[maybe_unused]] float largest,
                                                     std::uint64_t position, scale_type& scale,
                                                     [[maybe_unused]] Signs const& signs) const {
    if constexpr (is_four_or_six) {
      std::uint32_t made[2];
      if (detail::choose_four_or_six<typename Quantizer::scaling_type>(values, largest, factors_,
                                                                       table_, scale, made)) {
        return join(made[0] | signs(0), made[1] | signs(1));
      }
    }
    float row[1][16];
    for (int i = 0; i < 16; ++i) row[0][i] = values[i];
    auto const made = q_.encode(row, factors_, position);
    scale = made.scale;
    return word_of(made.codes);
  }

  [[nodiscard]] __device__ __forceinline__ Quantizer const& policies() const { return q_; }

  /// Transforms a row in place; nothing without a transform.
  __device__ __forceinline__ void transform(float (&values)[16]) const { q_.transform_row(values); }

  /// The amax with NaN left out, given the one with it.
  [[nodiscard]] __device__ __forceinline__ static float without_nan(float largest,
                                                                    float const (&values)[16]) {
    if (largest == largest) return largest;
    return nibble::detail::float_from_bits(scaling::row_amax_bits(values));
  }

 private:
  /// Is the table one of factors? Where it is one of thresholds, only what is rare wants a factor.
  [[nodiscard]] __device__ static constexpr bool reads_factors() {
    return has_table && !detail::by_thresholds<sixteen_encoder>();
  }
  [[nodiscard]] __device__ __forceinline__ float factor_of(unsigned bits) const {
    auto const scale = scale_type::from_bits(static_cast<std::uint8_t>(bits));
    return scaling::encode_multiplier(static_cast<float>(scale), factors_);
  }
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
