// SPDX-License-Identifier: Apache-2.0
// cvt: between integers, floating-point numbers and packed formats.
#include <algorithm>
#include <bit>
#include <limits>

#include "numbers.hpp"
#include "program.hpp"

namespace interpreter {
namespace {

enum class number : std::uint8_t {
  u8,
  s8,
  u16,
  s16,
  u32,
  s32,
  u64,
  s64,
  f16,
  bf16,
  f32,
  f64,
  none
};

number number_of(std::string_view name) {
  static constexpr std::string_view names[] = {"u8",  "s8",  "u16", "s16",  "u32", "s32",
                                               "u64", "s64", "f16", "bf16", "f32", "f64"};
  auto const* const found = std::find(std::begin(names), std::end(names), name);
  return static_cast<number>(found - std::begin(names));
}
bool is_integer(number a) { return a < number::f16; }

/// Every integer type's values.
__extension__ using wide_integer = __int128;

wide_integer integer_in(std::uint64_t a, number type) {
  switch (type) {
    case number::u8:
      return value<std::uint8_t>(a);
    case number::s8:
      return value<std::int8_t>(a);
    case number::u16:
      return value<std::uint16_t>(a);
    case number::s16:
      return value<std::int16_t>(a);
    case number::u32:
      return value<std::uint32_t>(a);
    case number::s32:
      return value<std::int32_t>(a);
    case number::s64:
      return value<std::int64_t>(a);
    default:
      return a;
  }
}

double real_in(std::uint64_t a, number type) {
  switch (type) {
    case number::f16:
      return widen<f16_format>(value<std::uint16_t>(a));
    case number::bf16:
      return widen<bf16_format>(value<std::uint16_t>(a));
    case number::f32:
      return value<float>(a);
    default:
      return value<double>(a);
  }
}

/// An integer as a double rounded to odd, so that any other number can be made of it.
double odd_double(wide_integer a) {
  return sum_to_odd(static_cast<double>(static_cast<std::int64_t>(a >> 32)) * 0x1p32,
                    static_cast<std::uint32_t>(a));
}

std::uint64_t clamped(wide_integer a, number type) {
  unsigned const width = 8u << (static_cast<unsigned>(type) / 2);
  bool const is_signed = static_cast<unsigned>(type) % 2 == 1;
  wide_integer const high = (wide_integer{1} << (is_signed ? width - 1 : width)) - 1,
                     low = is_signed ? -high - 1 : 0;
  return static_cast<std::uint64_t>(a < low ? low : a > high ? high : a);
}

std::uint64_t integer_of(double a, number type, rounding how, bool is_double) {
  // NaN: 0, but of a double or to 64 bits the top bit alone.
  unsigned const width = 8u << (static_cast<unsigned>(type) / 2);
  if (a != a) return is_double || width == 64 ? std::uint64_t{1} << (width - 1) : 0;
  return clamped(
      static_cast<wide_integer>(std::clamp(rounded_to_integer(a, how), -0x1p100, 0x1p100)), type);
}

float float_of(double a, rounding how) {
  if (how == rounding::toward_zero) return toward_zero({a, 0});
  auto const nearest = static_cast<float>(a);
  if (how == rounding::up && nearest < a)
    return std::nextafter(nearest, std::numeric_limits<float>::infinity());
  if (how == rounding::down && nearest > a)
    return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
  return nearest;
}

struct conversion {
  number from, to;
  rounding how;
  bool saturates, rounds_to_integer;

  [[nodiscard]] std::uint64_t operator()(std::uint64_t a) const {
    if (is_integer(from) && is_integer(to)) {
      wide_integer const whole = integer_in(a, from);
      if (saturates) return clamped(whole, to);
      unsigned const width = 8u << (static_cast<unsigned>(to) / 2);
      bool const is_cut = static_cast<unsigned>(to) % 2 == 0 && width < 64;
      return static_cast<std::uint64_t>(whole) &
             (is_cut ? (std::uint64_t{1} << width) - 1 : ~std::uint64_t{0});
    }
    double exact = is_integer(from) ? odd_double(integer_in(a, from)) : real_in(a, from);
    if (is_integer(to)) return integer_of(exact, to, how, from == number::f64);
    if (rounds_to_integer) exact = rounded_to_integer(exact, how);
    if (to == number::f16) return narrow<f16_format>(exact, how, saturates);
    if (to == number::bf16) return narrow<bf16_format>(exact, how, saturates);
    // An integer of 64 bits is rounded to nearest, not to odd, where it becomes a double.
    if (to == number::f64)
      return raw(is_integer(from) ? static_cast<double>(integer_in(a, from)) : exact);
    float const result = float_of(exact, how);
    return raw(result == result ? result : std::bit_cast<float>(0x7FFFFFFFu));
  }
};

void convert(warp& w, instruction const& i, unsigned mask) {
  conversion made;
  std::memcpy(&made, &i.offset, sizeof made);
  for (unsigned l = 0; l < lanes; ++l) {
    if (mask >> l & 1) w[i.slots[0]][l] = made(w[i.slots[1]][l]);
  }
}

/// Between integers, of which the register's own bits count: all is done by the sign, or by none.
handler extension(number from) {
  using u = std::uint64_t;
  switch (from) {
    case number::u8:
      return lanewise<u, std::uint8_t>([](std::uint8_t a) { return u{a}; });
    case number::s8:
      return lanewise<u, std::int8_t>([](std::int8_t a) { return static_cast<u>(a); });
    case number::u16:
      return lanewise<u, std::uint16_t>([](std::uint16_t a) { return u{a}; });
    case number::s16:
      return lanewise<u, std::int16_t>([](std::int16_t a) { return static_cast<u>(a); });
    case number::u32:
      return lanewise<u, std::uint32_t>([](std::uint32_t a) { return u{a}; });
    case number::s32:
      return lanewise<u, std::int32_t>([](std::int32_t a) { return static_cast<u>(a); });
    default:
      return lanewise<u, u>([](u a) { return a; });
  }
}

// --- packed -----------------------------------------------------------------------------------------

/// The bits of a value in one of the packed formats, by the way the instruction names it.
template <class Format>
struct pack_two {
  template <rounding How, bool Saturates>
  struct with {
    // The first operand goes to the upper half.
    std::uint32_t operator()(float high, float low) const {
      constexpr int width = Format::width == 6 ? 8 : Format::width;
      return static_cast<std::uint32_t>(narrow<Format>(high, How, Saturates)) << width |
             narrow<Format>(low, How, Saturates);
    }
  };
  static handler from_floats(std::string_view how, bool saturates) {
    auto const made = [&]<rounding How>() {
      return saturates ? lanewise<std::uint32_t, float, float>(with<How, true>{})
                       : lanewise<std::uint32_t, float, float>(with<How, false>{});
    };
    if (how == "rz") return made.template operator()<rounding::toward_zero>();
    return how == "rn" ? made.template operator()<rounding::nearest_even>() : nullptr;
  }
  static handler to_halves() {
    return lanewise<std::uint32_t, std::uint16_t>([](std::uint16_t a) {
      constexpr int width = Format::width == 6 ? 8 : Format::width;
      constexpr unsigned mask = (1u << Format::width) - 1;
      std::uint32_t const low = narrow<f16_format>(widen<Format>(a & mask)),
                          high = narrow<f16_format>(widen<Format>(a >> width & mask));
      return high << 16 | low;
    });
  }
  static handler from_halves() {
    return lanewise<std::uint32_t, std::uint32_t>([](std::uint32_t a) {
      constexpr int width = Format::width == 6 ? 8 : Format::width;
      return static_cast<std::uint32_t>(
                 narrow<Format>(widen<f16_format>(a >> 16), rounding::nearest_even, true))
                 << width |
             narrow<Format>(widen<f16_format>(a & 0xFFFF), rounding::nearest_even, true);
    });
  }
};

rounding rounding_of(std::string_view name) {
  if (name == "rz" || name == "rzi") return rounding::toward_zero;
  if (name == "rm" || name == "rmi") return rounding::down;
  if (name == "rp" || name == "rpi") return rounding::up;
  return name == "rna" ? rounding::nearest_away : rounding::nearest_even;
}

/// e8m0: powers of two, 255 for NaN.
unsigned power_of_two(float a, bool is_up) {
  if (a != a) return 255;
  double const magnitude = std::fabs(static_cast<double>(a));
  if (magnitude == 0) return 0;
  if (std::isinf(magnitude)) return 254;
  int exponent = std::ilogb(magnitude);
  if (is_up && std::ldexp(1.0, exponent) < magnitude) ++exponent;
  return static_cast<unsigned>(std::clamp(exponent + 127, 0, 254));
}

bool translate_packed(std::string_view to_type, std::string_view from, std::string_view how,
                      bool saturates, instruction& to) {
  auto const from_floats = [&](auto format) {
    to.run = pack_two<decltype(format)>::from_floats(how, saturates);
  };
  auto const to_halves = [&](auto format) { to.run = pack_two<decltype(format)>::to_halves(); };
  if (from == "f32") {
    if (to_type == "f16x2") from_floats(f16_format{});
    if (to_type == "bf16x2") from_floats(bf16_format{});
    if (to_type == "e4m3x2") from_floats(e4m3_format{});
    if (to_type == "e5m2x2") from_floats(e5m2_format{});
    if (to_type == "e2m3x2") from_floats(e2m3_format{});
    if (to_type == "e3m2x2") from_floats(e3m2_format{});
    if (to_type == "e2m1x2") from_floats(e2m1_format{});
    if (to_type == "ue8m0x2" && how == "rp") {
      to.run = lanewise<std::uint32_t, float, float>([](float high, float low) {
        return power_of_two(high, true) << 8 | power_of_two(low, true);
      });
    }
    if (to_type == "ue8m0x2" && how == "rz") {
      to.run = lanewise<std::uint32_t, float, float>([](float high, float low) {
        return power_of_two(high, false) << 8 | power_of_two(low, false);
      });
    }
  } else if (to_type == "f16x2") {
    if (from == "e4m3x2") to_halves(e4m3_format{});
    if (from == "e5m2x2") to_halves(e5m2_format{});
    if (from == "e2m3x2") to_halves(e2m3_format{});
    if (from == "e3m2x2") to_halves(e3m2_format{});
    if (from == "e2m1x2") to_halves(e2m1_format{});
  } else if (from == "f16x2") {
    if (to_type == "e4m3x2") to.run = pack_two<e4m3_format>::from_halves();
    if (to_type == "e5m2x2") to.run = pack_two<e5m2_format>::from_halves();
  } else if (to_type == "bf16x2" && from == "ue8m0x2") {
    to.run = lanewise<std::uint32_t, std::uint16_t>([](std::uint16_t a) {
      auto const one = [](unsigned code) -> std::uint32_t {
        return code == 255 ? 0x7FFF
                           : narrow<bf16_format>(std::ldexp(1.0, static_cast<int>(code) - 127));
      };
      return one(a >> 8) << 16 | one(a & 255);
    });
  }
  return to.run != nullptr;
}

/// cvt.rs to e2m1x4: up where the part that a step leaves, and a byte of random bits as 256ths of it, make one. The
/// manual says that the upper bytes of both halves are for the first two and the lower ones for the others; which
/// for which it leaves open, here the upper half's for the first of two.
void round_stochastically(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    auto const random = static_cast<std::uint32_t>(w[i.slots[5]][l]);
    std::uint32_t result = 0;
    for (unsigned e = 0; e < 4; ++e) {
      static constexpr unsigned first_bit[] = {24, 8, 16, 0};
      double const x = value<float>(w[i.slots[1 + e]][l]),
                   share = (random >> first_bit[e] & 255) / 256.0;
      double const magnitude = std::min(std::fabs(x), limit<e2m1_format>);
      double const step = magnitude < 2 ? 0.5 : magnitude < 4 ? 1 : 2;
      double const rounded = std::floor(magnitude / step + share) * step;
      result = result << 4 | narrow<e2m1_format>(x != x ? x : std::copysign(rounded, x));
    }
    w[i.slots[0]][l] = result;
  }
}

}  // namespace

bool translate_conversion(statement const& s, instruction& to) {
  std::string_view const op = s.name[0];
  if (op != "cvt") return false;
  take_slots(s, to);
  std::size_t const parts = s.name.size();
  if (parts < 3 || s.has("ftz") || s.has("relu")) return false;
  std::string_view const from = s.name[parts - 1], target = s.name[parts - 2];
  std::string_view how;
  for (auto const& part : s.name) {
    if (part.size() <= 3 && part.size() >= 2 && part[0] == 'r') how = part;
  }
  bool const saturates = s.has("satfinite") || s.has("sat");
  if (how == "rs") return target == "e2m1x4" && from == "f32" && (to.run = &round_stochastically);
  if (target.ends_with("x2") || from.ends_with("x2"))
    return translate_packed(target, from, how, saturates, to);
  conversion const made{number_of(from), number_of(target), rounding_of(how), saturates,
                        how.size() == 3 && how.back() == 'i'};
  if (made.from == number::none || made.to == number::none) return false;
  if (s.has("sat") && !is_integer(made.to)) return false;
  if (made.to == number::f64 && is_integer(made.from) && made.how != rounding::nearest_even)
    return false;
  if (is_integer(made.from) && is_integer(made.to) && !saturates) {
    // By the narrower of both, but that a negative number in a wider type without a sign is cut to its width.
    auto const width = [](number n) { return static_cast<unsigned>(n) / 2; };
    auto const is_signed = [](number n) { return static_cast<unsigned>(n) % 2 == 1; };
    bool const is_narrower = width(made.to) <= width(made.from);
    if (is_narrower || !is_signed(made.from) || is_signed(made.to)) {
      to.run = extension(is_narrower ? made.to : made.from);
      return true;
    }
  }
  static_assert(sizeof made <= sizeof to.offset);
  std::memcpy(&to.offset, &made, sizeof made);
  to.run = &convert;
  return true;
}

}  // namespace interpreter
