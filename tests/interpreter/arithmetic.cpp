// SPDX-License-Identifier: Apache-2.0
// Arithmetic, comparisons, selections and moves of single lanes.
#include <bit>
#include <cmath>
#include <limits>

#include "numbers.hpp"
#include "program.hpp"

namespace interpreter {
namespace {

template <class T>
struct type_tag {
  using type = T;
};

/// Calls f(type_tag<T>) for the T that the name says, by width alone for `b`; false for other names.
template <class F>
bool with_integer(std::string_view name, F const& f) {
  if (name == "u16" || name == "b16") return f(type_tag<std::uint16_t>{}), true;
  if (name == "s16") return f(type_tag<std::int16_t>{}), true;
  if (name == "u32" || name == "b32") return f(type_tag<std::uint32_t>{}), true;
  if (name == "s32") return f(type_tag<std::int32_t>{}), true;
  if (name == "u64" || name == "b64") return f(type_tag<std::uint64_t>{}), true;
  if (name == "s64") return f(type_tag<std::int64_t>{}), true;
  return false;
}

template <class F>
bool with_real(std::string_view name, F const& f) {
  if (name == "f32") return f(type_tag<float>{}), true;
  if (name == "f64") return f(type_tag<double>{}), true;
  return false;
}

__extension__ using wide_integer = __int128;
__extension__ using wide_unsigned = unsigned __int128;

/// Of twice the width.
template <class T>
using wide = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>,
    std::conditional_t<sizeof(T) == 4,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>,
                       std::conditional_t<std::is_signed_v<T>, wide_integer, wide_unsigned>>>;

/// Integers wrap: computed as unsigned ones of at least 32 bits.
template <class T>
using wrapping = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class T>
handler integer_handler(std::string_view op, statement const& s) {
  using u = wrapping<T>;
  if (op == "add")
    return lanewise<T, T, T>(
        [](T a, T b) { return static_cast<T>(static_cast<u>(a) + static_cast<u>(b)); });
  if (op == "sub")
    return lanewise<T, T, T>(
        [](T a, T b) { return static_cast<T>(static_cast<u>(a) - static_cast<u>(b)); });
  if (op == "min") return lanewise<T, T, T>([](T a, T b) { return b < a ? b : a; });
  if (op == "max") return lanewise<T, T, T>([](T a, T b) { return a < b ? b : a; });
  if (op == "and") return lanewise<T, T, T>([](T a, T b) { return static_cast<T>(a & b); });
  if (op == "or") return lanewise<T, T, T>([](T a, T b) { return static_cast<T>(a | b); });
  if (op == "xor") return lanewise<T, T, T>([](T a, T b) { return static_cast<T>(a ^ b); });
  if (op == "not") return lanewise<T, T>([](T a) { return static_cast<T>(~a); });
  if (op == "neg")
    return lanewise<T, T>([](T a) { return static_cast<T>(u{0} - static_cast<u>(a)); });
  if (op == "abs")
    return lanewise<T, T>([](T a) { return a < 0 ? static_cast<T>(u{0} - static_cast<u>(a)) : a; });
  if (op == "shl") {
    return lanewise<T, T, std::uint32_t>([](T a, std::uint32_t by) {
      return by < 8 * sizeof(T) ? static_cast<T>(static_cast<u>(a) << by) : T{0};
    });
  }
  if (op == "shr") {
    return lanewise<T, T, std::uint32_t>([](T a, std::uint32_t by) {
      constexpr std::uint32_t width = 8 * sizeof(T);
      return by < width ? static_cast<T>(a >> by) : static_cast<T>(a < 0 ? -1 : 0);
    });
  }
  if (op == "div" || op == "rem") {
    // By zero: all ones, and the dividend, as GPUs do. The smallest by -1 wraps.
    if (op == "div") {
      return lanewise<T, T, T>([](T a, T b) {
        if (b == 0) return static_cast<T>(~T{0});
        if (std::is_signed_v<T> && b == static_cast<T>(-1))
          return static_cast<T>(u{0} - static_cast<u>(a));
        return static_cast<T>(a / b);
      });
    }
    return lanewise<T, T, T>([](T a, T b) {
      if (b == 0) return a;
      return std::is_signed_v<T> && b == static_cast<T>(-1) ? T{0} : static_cast<T>(a % b);
    });
  }
  if constexpr (sizeof(T) < 8) {
    if (op == "mul" && s.has("wide"))
      return lanewise<wide<T>, T, T>(
          [](T a, T b) { return static_cast<wide<T>>(wide<T>{a} * wide<T>{b}); });
    if (op == "mad" && s.has("wide")) {
      using w = wide<T>;
      return lanewise<w, T, T, w>([](T a, T b, w c) {
        using unsigned_wide = std::conditional_t<sizeof(w) == 4, std::uint32_t, std::uint64_t>;
        return static_cast<w>(static_cast<unsigned_wide>(w{a} * w{b}) +
                              static_cast<unsigned_wide>(c));
      });
    }
  }
  if (op == "mul" && s.has("hi")) {
    return lanewise<T, T, T>(
        [](T a, T b) { return static_cast<T>((wide<T>{a} * wide<T>{b}) >> (8 * sizeof(T))); });
  }
  if (op == "mul")
    return lanewise<T, T, T>(
        [](T a, T b) { return static_cast<T>(static_cast<u>(a) * static_cast<u>(b)); });
  if (op == "mad" && s.has("hi")) {
    return lanewise<T, T, T, T>([](T a, T b, T c) {
      return static_cast<T>(static_cast<u>((wide<T>{a} * wide<T>{b}) >> (8 * sizeof(T))) +
                            static_cast<u>(c));
    });
  }
  if (op == "mad") {
    return lanewise<T, T, T, T>([](T a, T b, T c) {
      return static_cast<T>(static_cast<u>(a) * static_cast<u>(b) + static_cast<u>(c));
    });
  }
  if (op == "popc")
    return lanewise<std::uint32_t, T>([](T a) {
      return static_cast<std::uint32_t>(std::popcount(static_cast<std::make_unsigned_t<T>>(a)));
    });
  if (op == "clz")
    return lanewise<std::uint32_t, T>([](T a) {
      return static_cast<std::uint32_t>(std::countl_zero(static_cast<std::make_unsigned_t<T>>(a)));
    });
  if (op == "bfind") {
    return lanewise<std::uint32_t, T>([](T a) {
      auto const bits = static_cast<std::make_unsigned_t<T>>(a < 0 ? static_cast<T>(~a) : a);
      return bits == 0 ? all_lanes : static_cast<std::uint32_t>(std::bit_width(bits) - 1);
    });
  }
  if (op == "brev") {
    return lanewise<T, T>([](T a) {
      T result = 0;
      for (unsigned i = 0; i < 8 * sizeof(T); ++i)
        result = static_cast<T>(static_cast<u>(result) << 1 | (static_cast<u>(a) >> i & 1));
      return result;
    });
  }
  if (op == "bfe") {
    return lanewise<T, T, std::uint32_t, std::uint32_t>(
        [](T a, std::uint32_t first, std::uint32_t count) {
          first &= 255;
          count &= 255;
          constexpr std::uint32_t width = 8 * sizeof(T);
          std::uint64_t bits =
              first < width
                  ? static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(a)) >> first
                  : 0;
          std::uint32_t const last = std::min(first + count - 1, width - 1);
          bool const sign =
              std::is_signed_v<T> && count > 0 && (static_cast<std::uint64_t>(a) >> last & 1);
          if (count < 64) bits &= (std::uint64_t{1} << count) - 1;
          std::uint32_t const kept = std::min(count, last + 1 > first ? last + 1 - first : 0);
          if (sign && kept < 64) bits |= ~std::uint64_t{0} << kept;
          return static_cast<T>(bits);
        });
  }
  if (op == "bfi") {
    return lanewise<T, T, T, std::uint32_t, std::uint32_t>([](T a, T b, std::uint32_t first,
                                                              std::uint32_t count) {
      first &= 255;
      count &= 255;
      std::uint64_t const ones = count < 64 ? (std::uint64_t{1} << count) - 1 : ~std::uint64_t{0};
      std::uint64_t const mask = first < 64 ? ones << first : 0;
      std::uint64_t const in = first < 64 ? static_cast<std::uint64_t>(a) << first : 0;
      return static_cast<T>((static_cast<std::uint64_t>(b) & ~mask) | (in & mask));
    });
  }
  return nullptr;
}

/// What f makes of both 16-bit halves.
template <class T, class F>
struct halves {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const {
    auto const low = static_cast<std::uint16_t>(F{}(static_cast<T>(a), static_cast<T>(b)));
    auto const high =
        static_cast<std::uint16_t>(F{}(static_cast<T>(a >> 16), static_cast<T>(b >> 16)));
    return std::uint32_t{high} << 16 | low;
  }
};
template <class T, class F>
handler by_halves(F) {
  return &each_lane<std::uint32_t, halves<T, F>, std::uint32_t, std::uint32_t>;
}

template <class T>
handler pair_handler(std::string_view op, statement const& s) {
  if (op == "add") return by_halves<T>([](T a, T b) { return a + b; });
  if (op == "sub") return by_halves<T>([](T a, T b) { return a - b; });
  if (op == "min" && s.has("relu"))
    return by_halves<T>([](T a, T b) { return std::max(T{0}, std::min(a, b)); });
  if (op == "max" && s.has("relu"))
    return by_halves<T>([](T a, T b) { return std::max(T{0}, std::max(a, b)); });
  if (op == "min") return by_halves<T>([](T a, T b) { return std::min(a, b); });
  if (op == "max") return by_halves<T>([](T a, T b) { return std::max(a, b); });
  return nullptr;
}

/// Arithmetic of halves or bf16: exact, then rounded once to nearest even.
template <class Format>
struct small {
  template <class F>
  static std::uint16_t two(std::uint16_t a, std::uint16_t b, F const& f) {
    return narrow<Format>(f(widen<Format>(a), widen<Format>(b)));
  }
  static std::uint16_t fma(std::uint16_t a, std::uint16_t b, std::uint16_t c) {
    return narrow<Format>(sum_to_odd(widen<Format>(a) * widen<Format>(b), widen<Format>(c)));
  }
  static bool is_nan(std::uint16_t a) { return std::isnan(widen<Format>(a)); }
  static std::uint16_t largest(std::uint16_t a, std::uint16_t b) { return pick(a, b, true); }
  static std::uint16_t smallest(std::uint16_t a, std::uint16_t b) { return pick(a, b, false); }
  static std::uint16_t pick(std::uint16_t a, std::uint16_t b, bool larger) {
    double const x = widen<Format>(a), y = widen<Format>(b);
    if (x != x && y != y) return 0x7FFF;
    if (x != x) return b;
    if (y != y) return a;
    if (x == y) return (a >> 15 != 0) == larger ? b : a;  // +0 is larger than -0
    return (x > y) == larger ? a : b;
  }
};

template <class Format>
handler small_handler(std::string_view op, bool is_pair, bool keeps_nan) {
  using n = small<Format>;
  using u = std::uint16_t;
  if (op == "fma" && is_pair) {
    return lanewise<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
        [](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
          return std::uint32_t{n::fma(static_cast<u>(a >> 16), static_cast<u>(b >> 16),
                                      static_cast<u>(c >> 16))}
                     << 16 |
                 n::fma(static_cast<u>(a), static_cast<u>(b), static_cast<u>(c));
        });
  }
  if (op == "fma") return lanewise<u, u, u, u>([](u a, u b, u c) { return n::fma(a, b, c); });
  if (op == "abs" && is_pair)
    return lanewise<std::uint32_t, std::uint32_t>([](std::uint32_t a) { return a & 0x7FFF7FFFu; });
  if (op == "neg" && is_pair)
    return lanewise<std::uint32_t, std::uint32_t>([](std::uint32_t a) { return a ^ 0x80008000u; });
  if (op == "abs") return lanewise<u, u>([](u a) { return static_cast<u>(a & 0x7FFF); });
  if (op == "neg") return lanewise<u, u>([](u a) { return static_cast<u>(a ^ 0x8000); });
  auto const two = [&](auto f) -> handler {
    using f_type = decltype(f);
    return is_pair ? &each_lane<std::uint32_t, halves<u, f_type>, std::uint32_t, std::uint32_t>
                   : &each_lane<u, f_type, u, u>;
  };
  if (op == "add")
    return two(
        [](u a, u b) { return n::two(a, b, [](double x, double y) { return sum_to_odd(x, y); }); });
  if (op == "sub")
    return two([](u a, u b) {
      return n::two(a, b, [](double x, double y) { return sum_to_odd(x, -y); });
    });
  if (op == "mul")
    return two([](u a, u b) { return n::two(a, b, [](double x, double y) { return x * y; }); });
  if (op == "max" && keeps_nan) {
    return two(
        [](u a, u b) { return n::is_nan(a) || n::is_nan(b) ? u{Format::nan} : n::largest(a, b); });
  }
  if (op == "min" && keeps_nan) {
    return two(
        [](u a, u b) { return n::is_nan(a) || n::is_nan(b) ? u{Format::nan} : n::smallest(a, b); });
  }
  if (op == "max") return two([](u a, u b) { return n::largest(a, b); });
  if (op == "min") return two([](u a, u b) { return n::smallest(a, b); });
  return nullptr;
}

/// GPUs make one NaN of FP32 arithmetic.
inline float canonical(float a) { return a == a ? a : std::bit_cast<float>(0x7FFFFFFFu); }
inline double canonical(double a) { return a; }

template <class T>
T larger(T a, T b) {
  if (a != a) return canonical(b);
  if (b != b) return a;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
template <class T>
T smaller(T a, T b) {
  if (a != a) return canonical(b);
  if (b != b) return a;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

template <class T>
handler real_handler(std::string_view op, statement const& s) {
  bool const to_zero = s.has("rz");
  if (s.has("ftz") || s.has("sat") || s.has("rm") || s.has("rp")) return nullptr;
  if (s.has("approx") || s.has("full")) {
    // What they give is not documented to the bit, and nothing here may depend on it.
    if (op == "ex2") return lanewise<T, T>([](T a) { return canonical(std::exp2(a)); });
    if (op == "lg2") return lanewise<T, T>([](T a) { return canonical(std::log2(a)); });
    if (op == "rsqrt") return lanewise<T, T>([](T a) { return canonical(T{1} / std::sqrt(a)); });
    if (op == "sin") return lanewise<T, T>([](T a) { return canonical(std::sin(a)); });
    if (op == "cos") return lanewise<T, T>([](T a) { return canonical(std::cos(a)); });
    if (op == "tanh") return lanewise<T, T>([](T a) { return canonical(std::tanh(a)); });
    if (op != "div" && op != "rcp" && op != "sqrt") return nullptr;
  }
  if (op == "abs") return lanewise<T, T>([](T a) { return std::fabs(a); });
  if (op == "neg") return lanewise<T, T>([](T a) { return -a; });
  if (op == "max" && s.has("NaN"))
    return lanewise<T, T, T>([](T a, T b) {
      return a != a || b != b ? canonical(std::numeric_limits<T>::quiet_NaN()) : larger(a, b);
    });
  if (op == "min" && s.has("NaN"))
    return lanewise<T, T, T>([](T a, T b) {
      return a != a || b != b ? canonical(std::numeric_limits<T>::quiet_NaN()) : smaller(a, b);
    });
  if (op == "max" && s.operands.size() == 4)
    return lanewise<T, T, T, T>([](T a, T b, T c) { return larger(larger(a, b), c); });
  if (op == "min" && s.operands.size() == 4)
    return lanewise<T, T, T, T>([](T a, T b, T c) { return smaller(smaller(a, b), c); });
  if (op == "max") return lanewise<T, T, T>([](T a, T b) { return larger(a, b); });
  if (op == "min") return lanewise<T, T, T>([](T a, T b) { return smaller(a, b); });
  if (op == "copysign")
    return lanewise<T, T, T>([](T sign, T magnitude) { return std::copysign(magnitude, sign); });
  if constexpr (std::is_same_v<T, float>) {
    if (to_zero) {
      if (op == "add")
        return lanewise<T, T, T>([](T a, T b) { return canonical(toward_zero(exact_sum(a, b))); });
      if (op == "sub")
        return lanewise<T, T, T>(
            [](T a, T b) { return canonical(toward_zero(exact_sum(a, -static_cast<double>(b)))); });
      if (op == "mul")
        return lanewise<T, T, T>([](T a, T b) {
          return canonical(toward_zero({static_cast<double>(a) * b, 0}));
        });
      if (op == "fma")
        return lanewise<T, T, T, T>([](T a, T b, T c) {
          return canonical(toward_zero(exact_sum(static_cast<double>(a) * b, c)));
        });
    }
  }
  if (to_zero) return nullptr;
  if (op == "add") return lanewise<T, T, T>([](T a, T b) { return canonical(a + b); });
  if (op == "sub") return lanewise<T, T, T>([](T a, T b) { return canonical(a - b); });
  if (op == "mul") return lanewise<T, T, T>([](T a, T b) { return canonical(a * b); });
  if (op == "div") return lanewise<T, T, T>([](T a, T b) { return canonical(a / b); });
  if (op == "rcp") return lanewise<T, T>([](T a) { return canonical(1 / a); });
  if (op == "sqrt") return lanewise<T, T>([](T a) { return canonical(std::sqrt(a)); });
  if (op == "fma" || op == "mad")
    return lanewise<T, T, T, T>([](T a, T b, T c) { return canonical(std::fma(a, b, c)); });
  return nullptr;
}

/// Two floats in 64 bits.
template <class F>
struct float_pair {
  template <class... T>
  std::uint64_t operator()(T... a) const {
    auto const low = F{}(value<float>(a)...), high = F{}(value<float>(a >> 32)...);
    return raw(canonical(low)) | raw(canonical(high)) << 32;
  }
};
handler float_pair_handler(std::string_view op, statement const& s) {
  using u = std::uint64_t;
  if (s.has("rz") || s.has("ftz")) return nullptr;
  constexpr auto add = [](float a, float b) { return a + b; };
  constexpr auto multiply = [](float a, float b) { return a * b; };
  constexpr auto fused = [](float a, float b, float c) { return std::fma(a, b, c); };
  if (op == "add") return &each_lane<u, float_pair<decltype(add)>, u, u>;
  if (op == "mul") return &each_lane<u, float_pair<decltype(multiply)>, u, u>;
  if (op == "fma") return &each_lane<u, float_pair<decltype(fused)>, u, u, u>;
  return nullptr;
}

template <class T>
handler comparison(std::string_view how) {
  bool const is_unordered = std::is_floating_point_v<T> && how.size() == 3 && how[2] == 'u';
  std::string_view const plain = is_unordered ? how.substr(0, 2) : how;
  auto const made = [&](auto f) -> handler {
    using f_type = decltype(f);
    if constexpr (std::is_floating_point_v<T>) {
      if (is_unordered)
        return lanewise<bool, T, T>(
            [](T a, T b) { return std::isunordered(a, b) || f_type{}(a, b); });
    }
    return &each_lane<bool, f_type, T, T>;
  };
  if constexpr (std::is_floating_point_v<T>) {
    if (how == "num") return lanewise<bool, T, T>([](T a, T b) { return !std::isunordered(a, b); });
    if (how == "nan") return lanewise<bool, T, T>([](T a, T b) { return std::isunordered(a, b); });
  }
  if (plain == "eq") return made([](T a, T b) { return a == b; });
  if (plain == "ne")
    return made([](T a, T b) { return std::is_floating_point_v<T> ? a < b || a > b : a != b; });
  if (plain == "lt" || plain == "lo") return made([](T a, T b) { return a < b; });
  if (plain == "le" || plain == "ls") return made([](T a, T b) { return a <= b; });
  if (plain == "gt" || plain == "hi") return made([](T a, T b) { return a > b; });
  if (plain == "ge" || plain == "hs") return made([](T a, T b) { return a >= b; });
  return nullptr;
}

/// setp p|q, a, b and setp.and p, a, b, c: the comparison, `inner`, then its combination with c. shape: 1 with a
/// q, 2 with a c, 4 with !c; 16, 32 and 48 for and, or and xor.
void combine_predicate(warp& w, instruction const& i, unsigned mask) {
  bool const has_second = i.shape & 1, has_third = i.shape & 2, is_negated = i.shape & 4;
  slot const third = has_third ? w[i.slots[3]] : slot{};  // it may be the destination, too
  i.inner(w, i, mask);
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    bool const found = w[i.slots[0]][l] != 0, other = (third[l] != 0) != is_negated;
    auto const with = [&](bool p) {
      switch (i.shape >> 4) {
        case 1:
          return p && other;
        case 2:
          return p || other;
        case 3:
          return p != other;
        default:
          return p;
      }
    };
    w[i.slots[0]][l] = with(found);
    if (has_second) w[i.slots.back()][l] = with(!found);
  }
}

bool translate_comparison(statement const& s, instruction& to) {
  std::string_view const type = s.type();
  handler compare = nullptr;
  if (s.has("ftz")) return false;
  auto const make = [&](auto tag) {
    compare = comparison<typename decltype(tag)::type>(s.name[1]);
  };
  if (!with_integer(type, make) && !with_real(type, make)) return false;
  take_slots(s, to);
  to.run = compare;
  bool const has_second = s.operands[0].has_second, has_third = s.operands.size() == 4;
  if (has_second || has_third) {
    to.inner = compare;
    unsigned const how = s.has("and") ? 1u : s.has("or") ? 2u : s.has("xor") ? 3u : 0u;
    bool const is_negated = has_third && s.operands[3].is_negated;
    to.shape = static_cast<std::uint8_t>(how << 4 | (is_negated ? 4u : 0u) | (has_third ? 2u : 0u) |
                                         (has_second ? 1u : 0u));
    to.run = &combine_predicate;
  }
  return compare != nullptr;
}

handler predicate_handler(std::string_view op) {
  if (op == "and") return lanewise<bool, bool, bool>([](bool a, bool b) { return a && b; });
  if (op == "or") return lanewise<bool, bool, bool>([](bool a, bool b) { return a || b; });
  if (op == "xor") return lanewise<bool, bool, bool>([](bool a, bool b) { return a != b; });
  if (op == "not") return lanewise<bool, bool>([](bool a) { return !a; });
  if (op == "mov") return lanewise<bool, bool>([](bool a) { return a; });
  return nullptr;
}

std::uint32_t permuted(std::uint32_t a, std::uint32_t b, std::uint32_t selectors) {
  std::uint64_t const bytes = std::uint64_t{b} << 32 | a;
  std::uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    std::uint32_t const selector = selectors >> (4 * i) & 15;
    auto byte = static_cast<std::uint32_t>(bytes >> (8 * (selector & 7)) & 255);
    if (selector & 8) byte = byte & 0x80 ? 0xFF : 0;
    result |= byte << (8 * i);
  }
  return result;
}

/// mov between a register and a list of its parts, `shape` bits each.
void pack(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    std::uint64_t whole = 0;
    for (std::size_t p = 1; p < i.slots.size(); ++p) {
      whole |= (w[i.slots[p]][l] & ((std::uint64_t{1} << i.shape) - 1)) << (i.shape * (p - 1));
    }
    w[i.slots[0]][l] = whole;
  }
}
void unpack(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    std::uint64_t const whole = w[i.slots.back()][l];
    for (std::size_t p = 0; p + 1 < i.slots.size(); ++p) {
      w[i.slots[p]][l] = whole >> (i.shape * p) & ((std::uint64_t{1} << i.shape) - 1);
    }
  }
}

template <unsigned Bits>
handler select_handler() {
  using u = std::conditional_t<Bits == 16, std::uint16_t,
                               std::conditional_t<Bits == 32, std::uint32_t, std::uint64_t>>;
  return lanewise<u, u, u, bool>([](u a, u b, bool p) { return p ? a : b; });
}

}  // namespace

bool translate_arithmetic(statement const& s, instruction& to) {
  std::string_view const op = s.name[0], type = s.type();
  if (op == "setp") return translate_comparison(s, to);
  take_slots(s, to);
  if (type == "pred") return (to.run = predicate_handler(op)) != nullptr;
  if (op == "mov") {
    bool const from_list = s.operands[1].is == operand::kind::list,
               to_list = s.operands[0].is == operand::kind::list;
    unsigned const bits = type.ends_with("16")   ? 16
                          : type.ends_with("32") ? 32
                          : type.ends_with("64") ? 64
                                                 : 128;
    if (from_list || to_list) {
      to.shape = static_cast<std::uint8_t>(bits / s.operands[from_list ? 1 : 0].parts.size());
      to.run = from_list ? &pack : &unpack;
    } else {
      to.run = lanewise<std::uint64_t, std::uint64_t>([](std::uint64_t a) { return a; });
    }
    return bits <= 64;
  }
  if (op == "selp") {
    to.run = type.ends_with("16")   ? select_handler<16>()
             : type.ends_with("32") ? select_handler<32>()
                                    : select_handler<64>();
    return true;
  }
  if (op == "prmt") {
    if (s.name.size() != 2) return false;
    to.run = lanewise<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
        [](std::uint32_t a, std::uint32_t b, std::uint32_t c) { return permuted(a, b, c); });
    return true;
  }
  if (op == "lop3") {
    if (s.name.size() != 2) return false;
    to.run = lanewise<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
        [](std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t table) {
          std::uint32_t result = 0;
          for (unsigned i = 0; i < 8; ++i) {
            if (table >> i & 1) result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
          }
          return result;
        });
    return true;
  }
  if (op == "shf") {
    bool const left = s.has("l"), wraps = s.has("wrap");
    using u = std::uint32_t;
    if (left && wraps)
      to.run = lanewise<u, u, u, u>([](u a, u b, u c) {
        return static_cast<u>((std::uint64_t{b} << 32 | a) << (c & 31) >> 32);
      });
    if (left && !wraps)
      to.run = lanewise<u, u, u, u>([](u a, u b, u c) {
        return static_cast<u>((std::uint64_t{b} << 32 | a) << std::min(c, u{32}) >> 32);
      });
    if (!left && wraps)
      to.run = lanewise<u, u, u, u>(
          [](u a, u b, u c) { return static_cast<u>((std::uint64_t{b} << 32 | a) >> (c & 31)); });
    if (!left && !wraps)
      to.run = lanewise<u, u, u, u>([](u a, u b, u c) {
        return static_cast<u>((std::uint64_t{b} << 32 | a) >> std::min(c, u{32}));
      });
    return true;
  }
  if (op == "testp") {
    if (s.has("finite") && type == "f32")
      to.run = lanewise<bool, float>([](float a) { return std::isfinite(a); });
    if (s.has("infinite") && type == "f32")
      to.run = lanewise<bool, float>([](float a) { return std::isinf(a); });
    return to.run != nullptr;
  }
  if (op != "add" && op != "sub" && op != "min" && op != "max" && op != "and" && op != "or" &&
      op != "xor" && op != "not" && op != "neg" && op != "abs" && op != "shl" && op != "shr" &&
      op != "div" && op != "rem" && op != "mul" && op != "mad" && op != "fma" && op != "popc" &&
      op != "clz" && op != "bfind" && op != "brev" && op != "bfe" && op != "bfi" && op != "rcp" &&
      op != "sqrt" && op != "rsqrt" && op != "ex2" && op != "lg2" && op != "sin" && op != "cos" &&
      op != "tanh" && op != "copysign") {
    return false;
  }
  std::string_view kind = type;
  if (kind == "relu") kind = s.name[s.name.size() - 2];
  // A modifier that is not known would change the result.
  for (std::size_t i = 1; i < s.name.size(); ++i) {
    std::string_view const part = s.name[i];
    bool const is_known = part == kind || part == "rn" || part == "rz" || part == "lo" ||
                          part == "hi" || part == "wide" || part == "approx" || part == "full" ||
                          (part == "relu" && kind.ends_with("16x2")) ||
                          (part == "NaN" && (op == "max" || op == "min") && s.operands.size() == 3);
    if (!is_known) return false;
  }
  if (kind == "u16x2") to.run = pair_handler<std::uint16_t>(op, s);
  if (kind == "s16x2") to.run = pair_handler<std::int16_t>(op, s);
  if (kind == "bf16x2" || kind == "bf16")
    to.run = small_handler<bf16_format>(op, kind == "bf16x2", s.has("NaN"));
  if (kind == "f16x2" || kind == "f16")
    to.run = small_handler<f16_format>(op, kind == "f16x2", s.has("NaN"));
  if (kind == "f32x2") to.run = float_pair_handler(op, s);
  with_integer(kind,
               [&](auto tag) { to.run = integer_handler<typename decltype(tag)::type>(op, s); });
  with_real(kind, [&](auto tag) { to.run = real_handler<typename decltype(tag)::type>(op, s); });
  return to.run != nullptr;
}

}  // namespace interpreter
