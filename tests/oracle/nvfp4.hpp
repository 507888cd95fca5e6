// SPDX-License-Identifier: Apache-2.0
// The whole NVFP4 computation in its stated order of operations, on the integer arithmetic of
// exact.hpp, with the plausible wrong orders beside it so that a test set can prove its power.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "exact.hpp"
#include "formats.hpp"

namespace oracle {

using sixteen = std::array<std::uint32_t, 16>;  // binary32 patterns

/// A nonnegative integer below 2^24 as binary32.
constexpr std::uint32_t from_integer(std::uint32_t value) {
  return round_to_binary32(false, std::uint64_t{value}, 0);
}

inline constexpr std::uint32_t sixth_bits = ieee::divide(one_bits, from_integer(6));

/// Conversion by counting the interval ends at or below |x|: table::convert, only faster.
class quick_encoder {
 public:
  explicit quick_encoder(format const& target)
      : nan_(table_of(target).nan_code()), sign_(table_of(target).sign_code()) {
    interval_table const intervals(target);
    for (interval_table::row const& row : intervals.rows()) {
      if (row.first == 0)
        continue;
      if (row.first > infinity_bits)
        break;
      first_[count_++] = row.first;
    }
    table const& values = table_of(target);
    for (std::size_t index = 0; index != values.size(); ++index) {
      if (values.code(index) != index)
        std::abort();
      decoded_[index] = round_to_binary32(values.magnitude(index));
    }
    decoded_[nan_] = values.decode(nan_).type == kind::nan ? quiet_nan_bits : decoded_[nan_];
  }

  std::uint32_t encode(std::uint32_t bits) const {
    if (is_nan(bits))
      return nan_;
    std::uint32_t const magnitude = bits & magnitude_mask;
    std::uint32_t const sign = is_negative(bits) ? sign_ : 0;
    if (count_ < 8) {
      std::uint32_t code = 0;
      for (std::size_t index = 0; index != count_; ++index) {
        code += magnitude >= first_[index] ? 1U : 0U;
      }
      return sign | code;
    }
    auto const begin = first_.begin();
    auto const end = begin + static_cast<std::ptrdiff_t>(count_);
    return sign | static_cast<std::uint32_t>(std::upper_bound(begin, end, magnitude) - begin);
  }

  /// The code's value as binary32, exact for every format of at most 8 bits used here.
  std::uint32_t decode(std::uint32_t code) const {
    std::uint32_t const magnitude = decoded_[code % sign_];
    return code >= sign_ ? magnitude | sign_mask : magnitude;
  }

 private:
  std::array<std::uint32_t, 128> first_{};
  std::array<std::uint32_t, 128> decoded_{};
  std::size_t count_ = 0;
  std::uint32_t nan_;
  std::uint32_t sign_;
};

inline quick_encoder const& quick_e2m1() {
  static quick_encoder const encoder(e2m1);
  return encoder;
}

inline quick_encoder const& quick_e4m3() {
  static quick_encoder const encoder(e4m3);
  return encoder;
}

/// The scales of a tensor: S_enc, S_dec and M.
struct tensor_scales {
  std::uint32_t encode;
  std::uint32_t decode;
  std::uint32_t multiplier;
};

/// rule: bound is the E4M3 bound of the recipe, 448 or 256.
template <class Math = ieee>
constexpr tensor_scales scales_of(std::uint32_t amax, std::uint32_t bound = 448) {
  std::uint32_t encode = minimum(Math::divide(from_integer(bound * 6), amax), largest_bits);
  if (is_zero(amax) || is_zero(encode))
    encode = one_bits;
  return {encode, Math::divide(one_bits, encode), Math::multiply(encode, sixth_bits)};
}

/// The largest magnitude, NaN left out, as an integer maximum; 0 if nothing is left.
constexpr std::uint32_t amax_of(std::span<std::uint32_t const> values) {
  std::uint32_t result = 0;
  for (std::uint32_t const bits : values) {
    if (!is_nan(bits))
      result = std::max(result, bits & magnitude_mask);
  }
  return result;
}

struct block {
  std::uint8_t scale = 0;
  std::array<std::uint8_t, 16> codes{};

  friend bool operator==(block const&, block const&) = default;

  /// The eight code bytes, even elements in the low nibbles.
  std::array<std::uint8_t, 8> bytes() const {
    std::array<std::uint8_t, 8> result{};
    for (std::size_t index = 0; index != 8; ++index) {
      result[index] = static_cast<std::uint8_t>(codes[2 * index] + 16 * codes[2 * index + 1]);
    }
    return result;
  }
};

/// Every number on the way to a block's codes.
struct trace {
  std::uint32_t amax = 0;       // b
  std::uint32_t scale = 0;      // s, before E4M3
  std::uint32_t quantized = 0;  // q as binary32
  std::uint32_t product = 0;    // p
  std::uint32_t encode = 0;     // enc
  sixteen scaled{};             // y
};

/// The block scale for a block maximum: s, q, p and enc of the trace, and the byte.
template <class Math = ieee>
std::uint8_t block_scale(std::uint32_t block_amax, tensor_scales const& tensor, trace& steps) {
  steps.amax = block_amax;
  steps.scale = minimum(Math::multiply(block_amax, tensor.multiplier), largest_bits);
  std::uint32_t const code = quick_e4m3().encode(steps.scale);
  steps.quantized = quick_e4m3().decode(code);
  steps.product = Math::multiply(steps.quantized, tensor.decode);
  steps.encode = minimum(Math::divide(one_bits, steps.product), largest_bits);
  return static_cast<std::uint8_t>(code);
}

/// A 1x16 block, elements to nearest even.
template <class Math = ieee>
block quantize(sixteen const& values, tensor_scales const& tensor, trace& steps) {
  block result;
  result.scale = block_scale<Math>(amax_of(values), tensor, steps);
  for (std::size_t index = 0; index != 16; ++index) {
    steps.scaled[index] = Math::multiply(values[index], steps.encode);
    result.codes[index] = static_cast<std::uint8_t>(quick_e2m1().encode(steps.scaled[index]));
  }
  return result;
}

inline block quantize(sixteen const& values, std::uint32_t amax) {
  trace steps;
  return quantize(values, scales_of(amax), steps);
}

/// A 1x16 block, elements rounded stochastically with one random word of `bits` bits each.
inline block quantize_stochastic(sixteen const& values, std::uint32_t amax, sixteen const& words,
                                 int bits) {
  trace steps;
  block result = quantize(values, scales_of(amax), steps);
  table const& target = table_of(e2m1);
  for (std::size_t index = 0; index != 16; ++index) {
    std::uint32_t const code =
        target.encode_stochastic(from_binary32(steps.scaled[index]), words[index], bits);
    result.codes[index] = static_cast<std::uint8_t>(code);
  }
  return result;
}

/// What a code of the block stands for is this times its E2M1 value: RN(RN(q * A) * 1/(6 bound)).
constexpr std::uint32_t decode_factor(std::uint32_t quantized_scale, std::uint32_t amax,
                                      std::uint32_t bound = 448) {
  std::uint32_t const reciprocal = ieee::divide(one_bits, from_integer(bound * 6));
  return ieee::multiply(ieee::multiply(quantized_scale, amax), reciprocal);
}

inline sixteen dequantize(block const& from, std::uint32_t amax, std::uint32_t bound = 448) {
  std::uint32_t const factor = decode_factor(quick_e4m3().decode(from.scale), amax, bound);
  sixteen result{};
  for (std::size_t index = 0; index != 16; ++index) {
    result[index] = ieee::multiply(quick_e2m1().decode(from.codes[index]), factor);
  }
  return result;
}

/// The factor of a product of two NVFP4 matrices, operands in cuBLAS's order.
constexpr std::uint32_t alpha_of(std::uint32_t alpha, std::uint32_t amax_a, std::uint32_t amax_b,
                                 std::uint32_t bound_a = 448, std::uint32_t bound_b = 448) {
  std::uint32_t const reciprocal = ieee::divide(one_bits, from_integer(36 * bound_a * bound_b));
  std::uint32_t const product = ieee::multiply(ieee::multiply(alpha, amax_a), amax_b);
  return ieee::multiply(product, reciprocal);
}

/// A 16x16 tile that shares one scale; codes[r][c].
struct tile {
  std::uint8_t scale = 0;
  std::array<std::array<std::uint8_t, 16>, 16> codes{};

  block row(std::size_t index) const { return {scale, codes[index]}; }
  block column(std::size_t index) const {
    block result{scale, {}};
    for (std::size_t row_index = 0; row_index != 16; ++row_index) {
      result.codes[row_index] = codes[row_index][index];
    }
    return result;
  }
};

using tile_values = std::array<sixteen, 16>;

constexpr std::uint32_t amax_of(tile_values const& values) {
  std::uint32_t result = 0;
  for (sixteen const& row : values)
    result = std::max(result, amax_of(std::span(row)));
  return result;
}

inline tile quantize_tile(tile_values const& values, std::uint32_t amax) {
  trace steps;
  tile result;
  result.scale = block_scale(amax_of(values), scales_of(amax), steps);
  for (std::size_t row = 0; row != 16; ++row) {
    for (std::size_t column = 0; column != 16; ++column) {
      std::uint32_t const scaled = ieee::multiply(values[row][column], steps.encode);
      result.codes[row][column] = static_cast<std::uint8_t>(quick_e2m1().encode(scaled));
    }
  }
  return result;
}

/// How the two candidates of four-over-six are compared.
enum class metric : std::uint8_t { squared, absolute, maximum };

/// One candidate of four-over-six: scale byte, codes and error of every row.
template <std::size_t Rows>
struct candidate {
  std::uint8_t scale = 0;
  std::array<std::array<std::uint8_t, 16>, Rows> codes{};
  std::array<std::uint32_t, Rows> errors{};
};

/// The larger one; NaN if either is.
constexpr std::uint32_t maximum_or_nan(std::uint32_t a, std::uint32_t b) {
  if (is_nan(a) || is_nan(b))
    return quiet_nan_bits;
  return less(a, b) ? b : a;
}

template <std::size_t Rows>
candidate<Rows> four_over_six_candidate(std::array<sixteen, Rows> const& values,
                                        std::uint32_t scale, std::uint32_t amax,
                                        tensor_scales const& tensor, metric measure,
                                        std::uint32_t bound) {
  candidate<Rows> result;
  std::uint32_t const code = quick_e4m3().encode(minimum(scale, from_integer(448)));
  std::uint32_t const quantized = quick_e4m3().decode(code);
  std::uint32_t const product = ieee::multiply(quantized, tensor.decode);
  std::uint32_t const encode = minimum(ieee::divide(one_bits, product), largest_bits);
  result.scale = static_cast<std::uint8_t>(code);
  for (std::size_t row = 0; row != Rows; ++row) {
    std::uint32_t error = 0;
    for (std::size_t column = 0; column != 16; ++column) {
      std::uint32_t const x = values[row][column];
      std::uint32_t const element = quick_e2m1().encode(ieee::multiply(x, encode));
      result.codes[row][column] = static_cast<std::uint8_t>(element);
      std::uint32_t const scaled = ieee::multiply(quick_e2m1().decode(element), quantized);
      std::uint32_t const restored =
          ieee::divide(ieee::multiply(scaled, amax), from_integer(bound * 6));
      std::uint32_t const difference = ieee::subtract(restored, x);
      std::uint32_t const size = is_nan(difference) ? quiet_nan_bits : difference & magnitude_mask;
      if (measure == metric::maximum) {
        error = maximum_or_nan(error, size);
      } else {
        bool const square = measure == metric::squared;
        error = ieee::add(error, square ? ieee::multiply(difference, difference) : size);
      }
    }
    result.errors[row] = error;
  }
  return result;
}

template <std::size_t Rows>
struct four_over_six_result {
  bool map_to_four = false;
  std::uint8_t scale = 0;
  std::array<std::array<std::uint8_t, 16>, Rows> codes{};
  std::uint32_t error_of_six = 0;
  std::uint32_t error_of_four = 0;
};

/// Four-over-six for a 1x16 block (Rows = 1) or a 16x16 tile (Rows = 16): each row's errors in
/// order, then rows joined by the tree i += i + 8, 4, 2, 1; a tie or a NaN keeps map-to-6.
template <std::size_t Rows>
four_over_six_result<Rows> four_over_six(std::array<sixteen, Rows> const& values,
                                         std::uint32_t amax, metric measure, std::uint32_t bound) {
  tensor_scales const tensor = scales_of(amax, bound);
  std::uint32_t block_amax = 0;
  for (sixteen const& row : values)
    block_amax = std::max(block_amax, amax_of(std::span(row)));
  std::uint32_t const base =
      ieee::multiply(ieee::divide(block_amax, from_integer(6)), tensor.encode);
  std::uint32_t const wider = ieee::multiply(base, ieee::divide(from_integer(3), from_integer(2)));
  auto six = four_over_six_candidate(values, base, amax, tensor, measure, bound);
  auto four = four_over_six_candidate(values, wider, amax, tensor, measure, bound);
  for (auto* errors : {&six.errors, &four.errors}) {
    for (std::size_t offset = Rows / 2; offset != 0; offset /= 2) {
      for (std::size_t lane = 0; lane != offset; ++lane) {
        std::uint32_t const other = (*errors)[lane + offset];
        (*errors)[lane] = measure == metric::maximum ? maximum_or_nan((*errors)[lane], other)
                                                     : ieee::add((*errors)[lane], other);
      }
    }
  }
  bool const pick_four = less(four.errors[0], six.errors[0]);
  auto const& picked = pick_four ? four : six;
  return {pick_four, picked.scale, picked.codes, six.errors[0], four.errors[0]};
}

/// The wrong formulas that random data cannot tell from the right one.
enum class mutant : std::uint8_t {
  amax_over_six,        // s = RN(RN(b / 6) * S_enc)
  amax_times_sixth,     // s = RN(RN(b * fl(1/6)) * S_enc)
  divide_by_product,    // y = RN(x / p)
  encode_over_scale,    // y = RN(x * RN(S_enc / q)), not through 1 / (q * S_dec)
  product_over_scale,   // y = RN(RN(x * S_enc) / q)
  per_tensor_division,  // torchao's: s = RN(RN(b / 6) / t), y = RN(x * RN(RN(1 / t) / q))
  flush_subnormals,     // every subnormal operand and result becomes zero
  one_exact_rounding,   // s and y exact, each rounded once, to its format
  unrounded_scale,      // the codes made with s, the byte stored from q
  scale_ties_away,      // E4M3 ties away from zero
  element_ties_away     // E2M1 ties away from zero
};

inline constexpr std::array<std::string_view, 11> mutant_names{
    "amax_over_six",      "amax_times_sixth",    "divide_by_product", "encode_over_scale",
    "product_over_scale", "per_tensor_division", "flush_subnormals",  "one_exact_rounding",
    "unrounded_scale",    "scale_ties_away",     "element_ties_away"};

namespace detail {

/// The code of |numerator| / |denominator| by nearest even, the quotient never rounded.
inline std::uint32_t encode_quotient(table const& target, dyadic const& numerator,
                                     dyadic const& denominator) {
  std::size_t low = 0;  // the largest index with magnitude * denominator <= numerator
  std::size_t high = target.size();
  while (high - low > 1) {
    std::size_t const middle = (low + high) / 2;
    dyadic const reach = multiply(target.magnitude(middle), denominator);
    (compare_magnitudes(reach, numerator) <= 0 ? low : high) = middle;
  }
  if (low + 1 == target.size())
    return target.code(low);
  dyadic middle = combine_magnitudes(target.magnitude(low), target.magnitude(low + 1), false);
  --middle.exponent;
  int const side = compare_magnitudes(numerator, multiply(middle, denominator));
  bool const up = side > 0 || (side == 0 && target.code(low) % 2 != 0);
  return target.code(up ? low + 1 : low);
}

inline dyadic finite_of(std::uint32_t bits) { return from_binary32(bits).value; }

inline std::uint32_t away_code(format const& target, std::uint32_t bits) {
  return table_of(target).encode(from_binary32(bits), direction::nearest_away);
}

}  // namespace detail

/// The block that a wrong formula makes. Blocks with zero or non-finite amax, zero scale or
/// non-finite data are left to the right formula, so that a difference comes from rounding alone.
inline block quantize_as(mutant which, sixteen const& values, std::uint32_t amax) {
  tensor_scales const tensor = scales_of(amax);
  trace steps;
  block const right = quantize(values, tensor, steps);
  bool ordinary = !is_zero(amax) && (amax & magnitude_mask) < infinity_bits && right.scale != 0;
  for (std::uint32_t const x : values)
    ordinary &= (x & magnitude_mask) < infinity_bits;
  if (!ordinary)
    return right;
  if (which == mutant::flush_subnormals) {
    trace ignored;
    return quantize<flushed>(values, scales_of<flushed>(amax), ignored);
  }

  block result;
  std::uint32_t const per_tensor = ieee::divide(amax, from_integer(2688));
  std::uint32_t scale = steps.scale;
  std::uint32_t code = right.scale;
  if (which == mutant::amax_over_six) {
    scale = ieee::multiply(ieee::divide(steps.amax, from_integer(6)), tensor.encode);
  } else if (which == mutant::amax_times_sixth) {
    scale = ieee::multiply(ieee::multiply(steps.amax, sixth_bits), tensor.encode);
  } else if (which == mutant::per_tensor_division) {
    scale = ieee::divide(ieee::divide(steps.amax, from_integer(6)), per_tensor);
  }
  code = quick_e4m3().encode(minimum(scale, largest_bits));
  if (which == mutant::scale_ties_away)
    code = detail::away_code(e4m3, scale);
  dyadic const b = detail::finite_of(steps.amax);
  dyadic const a = detail::finite_of(amax);
  if (which == mutant::one_exact_rounding) {
    code = detail::encode_quotient(table_of(e4m3), multiply({false, 448, 0}, b), a);
  }
  if (code == 0)
    return right;

  result.scale = static_cast<std::uint8_t>(code);
  std::uint32_t const q = quick_e4m3().decode(code);
  std::uint32_t const p =
      ieee::multiply(which == mutant::unrounded_scale ? scale : q, tensor.decode);
  std::uint32_t encode = ieee::divide(one_bits, p);
  if (which == mutant::encode_over_scale)
    encode = ieee::divide(tensor.encode, q);
  if (which == mutant::per_tensor_division) {
    encode = ieee::divide(ieee::divide(one_bits, per_tensor), q);
  }
  encode = minimum(encode, largest_bits);
  for (std::size_t index = 0; index != 16; ++index) {
    std::uint32_t const x = values[index];
    std::uint32_t y = ieee::multiply(x, encode);
    if (which == mutant::divide_by_product)
      y = ieee::divide(x, p);
    if (which == mutant::product_over_scale)
      y = ieee::divide(ieee::multiply(x, tensor.encode), q);
    std::uint32_t element = quick_e2m1().encode(y);
    if (which == mutant::element_ties_away)
      element = detail::away_code(e2m1, y);
    if (which == mutant::one_exact_rounding) {
      dyadic const numerator = multiply({false, 2688, 0}, detail::finite_of(x));
      dyadic const denominator = multiply(a, detail::finite_of(q));
      element = detail::encode_quotient(table_of(e2m1), numerator, denominator);
      if (is_negative(x))
        element += 8;
    }
    result.codes[index] = static_cast<std::uint8_t>(element);
  }
  return result;
}

/// The wrong decode factor RN(q * S_dec).
inline std::uint32_t decode_factor_by_scale(std::uint32_t quantized_scale, std::uint32_t amax) {
  return ieee::multiply(quantized_scale, scales_of(amax).decode);
}

/// The wrong alpha, divided by 7225344.
constexpr std::uint32_t alpha_by_division(std::uint32_t alpha, std::uint32_t amax_a,
                                          std::uint32_t amax_b) {
  std::uint32_t const product = ieee::multiply(ieee::multiply(alpha, amax_a), amax_b);
  return ieee::divide(product, from_integer(36 * 448 * 448));
}

}  // namespace oracle
