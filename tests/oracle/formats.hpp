// SPDX-License-Identifier: Apache-2.0
// The small number formats by table: every code's exact value from the definition, conversion by
// searching that table, so that no bit manipulation of the library is repeated here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "exact.hpp"

namespace oracle {

/// What the codes with all exponent bits set mean.
enum class specials : std::uint8_t {
  none,          // all of them are numbers
  last_is_nan,   // only the largest magnitude code is NaN (OCP's "fn" kind)
  ieee,          // fraction 0 is infinity, the others are NaN
  powers_of_two  // code c is 2^(c - bias), the last one NaN; no zero
};

struct format {
  std::string_view name;
  int exponent_bits;
  int mantissa_bits;
  int bias;
  bool has_sign;
  specials special;
};

inline constexpr format e2m1{"e2m1", 2, 1, 1, true, specials::none};
inline constexpr format e1m2{"e1m2", 1, 2, 1, true, specials::none};
inline constexpr format int4{"int4", 1, 2, -1, true, specials::none};
inline constexpr format e2m3{"e2m3", 2, 3, 1, true, specials::none};
inline constexpr format e3m2{"e3m2", 3, 2, 3, true, specials::none};
inline constexpr format e4m3{"e4m3", 4, 3, 7, true, specials::last_is_nan};
inline constexpr format e5m2{"e5m2", 5, 2, 15, true, specials::ieee};
inline constexpr format e8m0{"e8m0", 8, 0, 127, false, specials::powers_of_two};
inline constexpr format ue5m3{"ue5m3", 5, 3, 15, false, specials::last_is_nan};
inline constexpr format fp16{"fp16", 5, 10, 15, true, specials::ieee};
inline constexpr format bf16{"bf16", 8, 7, 127, true, specials::ieee};

inline constexpr format all_formats[] = {e2m1, e1m2, int4,  e2m3, e3m2, e4m3,
                                         e5m2, e8m0, ue5m3, fp16, bf16};

/// upward is away from zero in magnitude; e8m0 rounds that way by CUDA's rule.
enum class direction : std::uint8_t { nearest_even, nearest_away, toward_zero, upward };

/// What becomes of a magnitude above the largest finite one: that one, or infinity / NaN.
enum class overflow : std::uint8_t { saturate, special };

/// Every code of a format with its value, sorted by magnitude.
class table {
 public:
  explicit table(format const& definition) : format_(definition) {
    int const magnitude_bits = format_.exponent_bits + format_.mantissa_bits;
    magnitude_codes_ = std::uint32_t{1} << magnitude_bits;
    for (std::uint32_t code = 0; code != magnitude_codes_; ++code) {
      number const entry = define(code);
      if (entry.type == kind::finite)
        finite_.push_back({entry.value, code});
    }
    std::sort(finite_.begin(), finite_.end(), [](entry_of const& a, entry_of const& b) {
      return compare_magnitudes(a.value, b.value) < 0;
    });
  }

  format const& definition() const { return format_; }

  /// The number of codes, both signs.
  std::uint32_t codes() const { return magnitude_codes_ * (format_.has_sign ? 2U : 1U); }

  /// Finite magnitudes in ascending order: how many, their values and their codes.
  std::size_t size() const { return finite_.size(); }
  dyadic const& magnitude(std::size_t index) const { return finite_[index].value; }
  std::uint32_t code(std::size_t index) const { return finite_[index].code; }

  std::uint32_t nan_code() const { return magnitude_codes_ - 1; }
  std::uint32_t sign_code() const { return format_.has_sign ? magnitude_codes_ : 0; }

  /// The exact value of a code.
  number decode(std::uint32_t code_bits) const {
    number result = define(code_bits % magnitude_codes_);
    result.value.negative = format_.has_sign && code_bits >= magnitude_codes_;
    return result;
  }

  /// The code of x.
  /// rule: NaN of either sign gives nan_code(); a format without NaN has its largest magnitude
  /// there. The sign of zero and of an underflow is kept. An unsigned format with a zero takes
  /// every negative number to zero; e8m0 takes the magnitude.
  std::uint32_t encode(number const& x, direction rounding = direction::nearest_even,
                       overflow above = overflow::saturate) const {
    if (x.type == kind::nan)
      return nan_code();
    if (drops(x))
      return 0;
    std::uint32_t const sign = x.value.negative ? sign_code() : 0;
    if (x.type == kind::infinite)
      return sign | beyond(above);
    std::size_t const upper = first_above(x.value);
    if (upper == 0)
      return sign | code(0);  // only e8m0 has no zero to stand on
    dyadic const& below = magnitude(upper - 1);
    bool const exact = compare_magnitudes(x.value, below) == 0;
    if (exact)
      return sign | code(upper - 1);
    bool const past_end = upper == size();
    if (past_end && (above == overflow::saturate || format_.special == specials::none)) {
      return sign | code(upper - 1);
    }
    dyadic const next = past_end ? extrapolated() : magnitude(upper);
    bool up = false;
    if (rounding == direction::upward) {
      up = true;
    } else if (rounding != direction::toward_zero) {
      dyadic const twice{false, x.value.significand, x.value.exponent + 1};
      int const side = compare_magnitudes(twice, combine_magnitudes(below, next, false));
      bool const odd = code(upper - 1) % 2 != 0;
      up = side > 0 || (side == 0 && (rounding == direction::nearest_away || odd));
    }
    if (!up)
      return sign | code(upper - 1);
    return sign | (past_end ? beyond(above) : code(upper));
  }

  /// The code by the format's own rule: upward for e8m0 and nearest even for all others; fp16 and
  /// bf16 overflow to infinity as CUDA's types do, the small formats saturate.
  std::uint32_t convert(number const& x) const {
    return encode(x, own_direction(), own_overflow());
  }

  direction own_direction() const {
    bool const powers = format_.special == specials::powers_of_two;
    return powers ? direction::upward : direction::nearest_even;
  }
  overflow own_overflow() const {
    return magnitude_codes_ > 256 ? overflow::special : overflow::saturate;
  }

  /// floor(2^bits * f), f the fraction of the step from the neighbour toward zero to |x|; the
  /// number of random words of that many bits for which stochastic rounding moves away from zero.
  std::uint64_t discarded_fraction(number const& x, int bits) const {
    if (x.type != kind::finite || drops(x))
      return 0;
    std::size_t const upper = first_above(x.value);
    if (upper == 0 || upper == size())
      return 0;
    dyadic const& below = magnitude(upper - 1);
    dyadic const step = combine_magnitudes(magnitude(upper), below, true);
    int const step_exponent = step.exponent + width(step.significand) - 1;
    if (compare_magnitudes(step, dyadic{false, 1, step_exponent}) != 0)
      std::abort();
    dyadic rest{false, x.value.significand, x.value.exponent};
    if (below.significand != 0)
      rest = combine_magnitudes(rest, below, true);
    int const shift = rest.exponent + bits - step_exponent;
    if (shift >= 0)
      return static_cast<std::uint64_t>(rest.significand << shift);
    return shift <= -128 ? 0 : static_cast<std::uint64_t>(rest.significand >> -shift);
  }

  /// Stochastic rounding: away from zero if adding the random word to the fraction carries.
  std::uint32_t encode_stochastic(number const& x, std::uint32_t word, int bits) const {
    std::uint32_t const low = encode(x, direction::toward_zero);
    if (discarded_fraction(x, bits) + word < (std::uint64_t{1} << bits))
      return low;
    return encode(x, direction::upward);
  }

 private:
  struct entry_of {
    dyadic value;
    std::uint32_t code;
  };

  number define(std::uint32_t code_bits) const {
    auto const one = std::uint32_t{1};
    std::uint32_t const fraction = code_bits % (one << format_.mantissa_bits);
    std::uint32_t const field = code_bits / (one << format_.mantissa_bits);
    bool const last = code_bits == magnitude_codes_ - 1;
    bool const top = field == (one << format_.exponent_bits) - 1;
    if (format_.special == specials::powers_of_two) {
      if (last)
        return {kind::nan, {}};
      return {kind::finite, {false, 1, static_cast<int>(field) - format_.bias}};
    }
    if (format_.special == specials::last_is_nan && last)
      return {kind::nan, {}};
    if (format_.special == specials::ieee && top) {
      return {fraction == 0 ? kind::infinite : kind::nan, {}};
    }
    int const exponent = std::max(static_cast<int>(field), 1) - format_.bias;
    std::uint32_t const hidden = field == 0 ? 0 : one << format_.mantissa_bits;
    return {kind::finite, {false, hidden + fraction, exponent - format_.mantissa_bits}};
  }

  bool drops(number const& x) const {
    return x.value.negative && !format_.has_sign && format_.special != specials::powers_of_two;
  }

  /// The index of the first magnitude above |x|.
  std::size_t first_above(dyadic const& x) const {
    auto const at = std::upper_bound(
        finite_.begin(), finite_.end(), x,
        [](dyadic const& a, entry_of const& b) { return compare_magnitudes(a, b.value) < 0; });
    return static_cast<std::size_t>(at - finite_.begin());
  }

  /// The value that would follow the largest one, one step of the top binade further.
  dyadic extrapolated() const {
    if (format_.special == specials::powers_of_two) {
      return {false, 1, magnitude(size() - 1).exponent + 1};
    }
    dyadic const step = combine_magnitudes(magnitude(size() - 1), magnitude(size() - 2), true);
    return combine_magnitudes(magnitude(size() - 1), step, false);
  }

  std::uint32_t beyond(overflow above) const {
    if (above == overflow::saturate || format_.special == specials::none)
      return code(size() - 1);
    if (format_.special != specials::ieee)
      return nan_code();
    return nan_code() - ((std::uint32_t{1} << format_.mantissa_bits) - 1);
  }

  format format_;
  std::uint32_t magnitude_codes_ = 0;
  std::vector<entry_of> finite_;
};

/// The table of a format, made once.
inline table const& table_of(format const& wanted) {
  static std::vector<table> const tables(std::begin(all_formats), std::end(all_formats));
  for (table const& one : tables) {
    if (one.definition().name == wanted.name)
      return one;
  }
  std::abort();
}

/// All 2^32 binary32 patterns as runs of one code each, in ascending order of the pattern.
class interval_table {
 public:
  struct row {
    std::uint32_t first;
    std::uint32_t code;
  };

  /// The runs of table::convert (or of a stated rounding), each end found by bisection of the
  /// binary32 patterns against exact values.
  explicit interval_table(format const& target)
      : interval_table(target, table_of(target).own_direction(), table_of(target).own_overflow()) {}

  interval_table(format const& target, direction rounding, overflow above) {
    table const& values = table_of(target);
    for (std::uint32_t const sign : {std::uint32_t{0}, sign_mask}) {
      auto const at = [&](std::uint32_t magnitude) {
        return values.encode(from_binary32(sign | magnitude), rounding, above);
      };
      std::uint32_t first = 0;
      for (;;) {
        std::uint32_t const code = at(first);
        append({sign | first, code});
        if (at(infinity_bits) == code)
          break;
        std::uint32_t low = first;  // has the code; high has another one
        std::uint32_t high = infinity_bits;
        while (high - low > 1) {
          std::uint32_t const middle = low + (high - low) / 2;
          (at(middle) == code ? low : high) = middle;
        }
        first = high;
      }
      append({sign | (infinity_bits + 1), at(infinity_bits + 1)});
    }
  }

  std::vector<row> const& rows() const { return rows_; }

  std::uint32_t expected_code(std::uint32_t bits) const {
    auto const after =
        std::upper_bound(rows_.begin(), rows_.end(), bits,
                         [](std::uint32_t value, row const& one) { return value < one.first; });
    return (after - 1)->code;
  }

  /// The first pattern of [first, last] that encode takes elsewhere than the table, or none: then
  /// found is false. One pass over the runs, so all 2^32 cost little more than encode itself.
  struct verdict {
    bool found;
    std::uint32_t bits;
    std::uint32_t expected;
    std::uint32_t actual;
  };

  template <class Encode>
  verdict first_mismatch(std::uint32_t first, std::uint32_t last, Encode encode) const {
    for (std::size_t index = 0; index != rows_.size(); ++index) {
      std::uint64_t const end =
          index + 1 == rows_.size() ? std::uint64_t{1} << 32 : rows_[index + 1].first;
      std::uint64_t const begin = std::max<std::uint64_t>(rows_[index].first, first);
      std::uint64_t const stop = std::min<std::uint64_t>(end, std::uint64_t{last} + 1);
      std::uint32_t const code = rows_[index].code;
      constexpr std::uint64_t chunk = 1U << 16;
      for (std::uint64_t start = begin; start < stop; start += chunk) {
        std::uint64_t const finish = std::min(start + chunk, stop);
        std::uint32_t different = 0;
        for (std::uint64_t bits = start; bits != finish; ++bits) {
          different |= static_cast<std::uint32_t>(encode(static_cast<std::uint32_t>(bits))) ^ code;
        }
        if (different == 0)
          continue;
        for (std::uint64_t bits = start; bits != finish; ++bits) {
          auto const actual = static_cast<std::uint32_t>(encode(static_cast<std::uint32_t>(bits)));
          if (actual != code)
            return {true, static_cast<std::uint32_t>(bits), code, actual};
        }
      }
    }
    return {false, 0, 0, 0};
  }

 private:
  void append(row const& next) {
    if (rows_.empty() || rows_.back().code != next.code)
      rows_.push_back(next);
  }

  std::vector<row> rows_;
};

}  // namespace oracle
