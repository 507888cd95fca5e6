// SPDX-License-Identifier: Apache-2.0
// How cvt.rs.satfinite.e2m1x4 uses its random bits, which no document says: asked of a unit (the
// instruction, or a model of one).
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "check.cuh"
#include "conversions.cuh"
#include "nibble/fp4_e2m1.hpp"

namespace self_test {

struct query {
  float values[4];
  std::uint32_t random;
};

using unit = std::function<std::vector<std::uint16_t>(std::vector<query> const&)>;

static __global__ void answer_kernel(query const* queries, std::uint32_t count,
                                     std::uint16_t* answers) {
  std::uint32_t const i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) {
#if NIBBLE_HAS_CVT_RS_E2M1
    answers[i] = ptx::cvt_rs_satfinite_e2m1x4_f32(queries[i].values, queries[i].random);
#else
    answers[i] = static_cast<std::uint16_t>(queries[i].random);
#endif
  }
}

inline std::vector<std::uint16_t> ask_instruction(std::vector<query> const& queries) {
  device_array<query> const in(queries);
  device_array<std::uint16_t> const answers(queries.size());
  auto const count = static_cast<std::uint32_t>(queries.size());
  answer_kernel<<<(count + 255) / 256, 256>>>(in.data(), count, answers.data());
  return answers.copied("cvt.rs");
}

/// How a number decides, given the random number R that it assembles from some of the bits.
enum class decision {
  carry,    // up where floor(256 f) + R reaches 256
  compare,  // up where R is below floor(256 f)
  other,
};

/// For one of the four elements: the decision, and what each of the 32 random bits adds to R.
struct element_map {
  decision rule = decision::other;
  std::array<std::uint32_t, 32> weight{};
  // Raw: the smallest k for which 1 + k/512 goes up to 1.5, by random word: bit 0 to 31 alone, no
  // bit, all bits; 256 where none does.
  std::array<std::uint32_t, 34> smallest{};
};

inline std::uint32_t code_of(std::uint16_t answer, int element) {
  return answer >> (4 * element) & 15u;
}

inline std::uint32_t random_number(element_map const& map, std::uint32_t word) {
  std::uint32_t sum = 0;
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    sum += (word >> bit & 1u) * map.weight[bit];
  }
  return sum;
}

inline std::array<element_map, 4> infer(unit const& ask) {
  constexpr std::uint32_t no_bit = 32;
  constexpr std::uint32_t all_bits = 33;
  std::vector<query> queries;
  for (std::uint32_t word = 0; word < 34; ++word) {
    std::uint32_t const random = word == no_bit ? 0 : (word == all_bits ? ~0u : 1u << word);
    for (std::uint32_t k = 0; k < 256; ++k) {
      float const x = 1.0f + static_cast<float>(k) / 512.0f;  // between the codes 2 and 3
      queries.push_back({{x, x, x, x}, random});
    }
  }
  std::vector<std::uint16_t> const answers = ask(queries);

  std::array<element_map, 4> maps{};
  for (int element = 0; element < 4; ++element) {
    element_map& map = maps[static_cast<std::size_t>(element)];
    bool is_monotone = true;
    for (std::uint32_t word = 0; word < 34; ++word) {
      std::uint32_t smallest = 256;
      for (std::uint32_t k = 256; k-- > 0;) {
        bool const is_up = code_of(answers[word * 256 + k], element) == 3;
        is_monotone = is_monotone && (is_up ? smallest == k + 1 : true);
        smallest = is_up ? k : smallest;
      }
      map.smallest[word] = smallest;
    }
    if (is_monotone && map.smallest[no_bit] == 256) {
      map.rule = decision::carry;
    } else if (is_monotone && map.smallest[no_bit] == 1) {
      map.rule = decision::compare;
    }
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
      map.weight[bit] = map.rule == decision::carry     ? 256 - map.smallest[bit]
                        : map.rule == decision::compare ? map.smallest[bit] - 1
                                                        : 0;
    }
  }
  return maps;
}

/// The byte and the order in which its bits count, where it is one of the orders with a name.
inline std::string describe(element_map const& map) {
  if (map.rule == decision::other) {
    return "other";
  }
  std::array<int, 8> position{};
  position.fill(-1);
  int used = 0;
  for (int bit = 0; bit < 32; ++bit) {
    for (std::size_t power = 0; power < 8; ++power) {
      if (map.weight[static_cast<std::size_t>(bit)] == 1u << power) {
        position[power] = bit;
      }
    }
    used += map.weight[static_cast<std::size_t>(bit)] != 0 ? 1 : 0;
  }
  bool is_straight = used == 8;
  bool is_reversed = used == 8;
  int const byte = position[0] / 8;
  for (int power = 0; power < 8; ++power) {
    int const bit = position[static_cast<std::size_t>(power)];
    is_straight = is_straight && bit == 8 * byte + power;
    is_reversed = is_reversed && bit == 8 * byte + 7 - power;
  }
  std::string text = "other";
  if (is_straight || is_reversed) {
    text = "byte ";
    text += std::to_string(byte);
    text += is_straight ? ", straight" : ", bit-reversed";
  } else if (used == 8) {
    text = "weights 1, 2, 4, ... from bits";
    for (int const bit : position) {
      text += ' ';
      text += bit < 0 ? "-" : std::to_string(bit);
    }
  } else {
    return text;
  }
  text += map.rule == decision::carry ? ", carry" : ", compare";
  return text;
}

/// Asks for four values at a time, drawn by draw(words), under random words: are the codes
/// expected(value, element, word)?
template <class Draw, class Expected>
outcome ask_for_codes(unit const& ask, std::uint32_t count, Draw const& draw,
                      Expected const& expected) {
  std::vector<query> queries;
  words next;
  for (std::uint32_t i = 0; i < count; ++i) {
    query q{};
    for (float& value : q.values) value = draw(next);
    q.random = next();
    queries.push_back(q);
  }
  std::vector<std::uint16_t> const answers = ask(queries);
  outcome result{};
  for (std::size_t i = 0; i < queries.size(); ++i) {
    for (int element = 0; element < 4; ++element) {
      result.add(code_of(answers[i], element),
                 expected(queries[i].values[element], element, queries[i].random));
    }
  }
  return result;
}

/// Random values of every size and sign in all elements at once: the codes, and what the maps say.
inline outcome predict(unit const& ask, std::array<element_map, 4> const& maps,
                       std::uint32_t count) {
  auto const draw = [](words& next) {
    std::uint32_t const bits = next();
    std::uint32_t const exponent = 127 - 12 + bits % 16;  // 2^-12 to beyond 6
    return float_from_bits((bits & 0x8000'0000u) | exponent << 23 | (next() & 0x007F'FFFFu));
  };
  return ask_for_codes(ask, count, draw, [&](float value, int element, std::uint32_t random) {
    element_map const& map = maps[static_cast<std::size_t>(element)];
    std::uint32_t const r = random_number(map, random);
    return format::encode<format::e2m1, format::stochastic<8>>(
        value, map.rule == decision::carry ? r : 255u - r);
  });
}

/// What no random number may change: the 16 values themselves, what is too large, and NaN.
inline outcome ask_for_fixed_codes(unit const& ask) {
  using limits = std::numeric_limits<float>;
  std::vector<float> values{6.25f,
                            -7.0f,
                            1e30f,
                            -1e30f,
                            limits::infinity(),
                            -limits::infinity(),
                            limits::quiet_NaN(),
                            float_from_bits(0xFFC0'0001u)};
  for (std::uint32_t code = 0; code < 16; ++code) {
    values.push_back(static_cast<float>(nibble::fp4_e2m1::from_bits(code)));
  }
  return ask_for_codes(
      ask, 4096, [&](words& next) { return values[next() % values.size()]; },
      [](float value, int, std::uint32_t) { return format::encode<format::e2m1>(value); });
}

/// The one thing that the manual says: the low bytes of the halves of the random word are for elements
/// 0 and 1, the high bytes for 2 and 3. Weights of other bits should be 0.
inline outcome look_for_foreign_bits(std::array<element_map, 4> const& maps) {
  outcome result{};
  for (std::size_t element = 0; element < 4; ++element) {
    for (std::size_t bit = 0; bit < 32; ++bit) {
      std::uint32_t const weight = maps[element].weight[bit];
      result.add(weight, bit / 8 % 2 == element / 2 ? weight : 0);
    }
  }
  return result;
}

inline void report_random_bits(unit const& ask) {
  std::array<element_map, 4> const maps = infer(ask);
  bool is_known = true;
  std::printf("cvt.rs.satfinite.e2m1x4.f32 takes its random bits so:\n");
  for (int element = 0; element < 4; ++element) {
    std::string const text = describe(maps[static_cast<std::size_t>(element)]);
    std::printf("  element %d: %s\n", element, text.c_str());
    is_known = is_known && text != "other";
  }
  print_heading("cvt.rs.satfinite.e2m1x4.f32", "codes");
  print("as these lines predict", predict(ask, maps, 1u << 18));
  print("values of e2m1, too large ones and NaN", ask_for_fixed_codes(ask));
  print("weights of random bits for other elements", look_for_foreign_bits(maps));
  if (is_known) return;
  std::printf("  raw: smallest k with 1 + k/512 going up, for random bit 0 to 31, none, all\n");
  for (element_map const& map : maps) {
    std::printf("   ");
    for (std::uint32_t const k : map.smallest) std::printf(" %u", k);
    std::printf("\n");
  }
}

}  // namespace self_test
