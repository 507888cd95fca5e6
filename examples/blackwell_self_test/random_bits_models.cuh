// SPDX-License-Identifier: Apache-2.0
// Models of a unit that rounds by random bits, to know that what random_bits.cuh infers is there.
#pragma once

#include "random_bits.cuh"

namespace self_test {

/// Which random bit has weight 2^w for each element; a compare decides instead of a carry.
struct model {
  std::array<std::array<int, 8>, 4> bit;
  bool compares;

  std::vector<std::uint16_t> operator()(std::vector<query> const& queries) const {
    std::vector<std::uint16_t> answers;
    for (query const& q : queries) {
      std::uint32_t answer = 0;
      for (std::size_t element = 0; element < 4; ++element) {
        std::uint32_t r = 0;
        for (std::size_t power = 0; power < 8; ++power) {
          r |= (q.random >> bit[element][power] & 1u) << power;
        }
        answer |= format::encode<format::e2m1, format::stochastic<8>>(q.values[element],
                                                                      compares ? 255u - r : r)
                  << (4 * element);
      }
      answers.push_back(static_cast<std::uint16_t>(answer));
    }
    return answers;
  }
};

inline std::array<int, 8> straight(int byte) {
  std::array<int, 8> bits{};
  for (int power = 0; power < 8; ++power) {
    bits[static_cast<std::size_t>(power)] = 8 * byte + power;
  }
  return bits;
}

inline std::array<int, 8> reversed(int byte) {
  std::array<int, 8> bits{};
  for (int power = 0; power < 8; ++power) {
    bits[static_cast<std::size_t>(power)] = 8 * byte + 7 - power;
  }
  return bits;
}

/// Does the inference recognise a map in a model of it, and does it predict every code?
inline bool recognises(model const& known, std::array<std::string, 4> const& expected) {
  std::array<element_map, 4> const maps = infer(known);
  bool is_right = predict(known, maps, 1u << 12).differences == 0 &&
                  ask_for_fixed_codes(known).differences == 0;
  for (std::size_t element = 0; element < 4; ++element) {
    is_right = is_right && describe(maps[element]) == expected[element];
  }
  return is_right;
}

inline bool inference_works() {
  model const bytes{{straight(0), straight(1), straight(2), straight(3)}, false};
  model const pairs{{straight(0), reversed(0), straight(1), reversed(1)}, false};
  model const halves{{straight(2), straight(0), reversed(3), reversed(1)}, true};
  std::array<int, 8> const scattered{31, 0, 7, 8, 16, 3, 24, 12};
  model const unlike{{scattered, scattered, straight(3), reversed(3)}, false};
  std::string const from_scattered = "weights 1, 2, 4, ... from bits 31 0 7 8 16 3 24 12, carry";
  auto const no_rule = [](std::vector<query> const& queries) {
    std::vector<std::uint16_t> answers;
    for (query const& q : queries) {
      answers.push_back(static_cast<std::uint16_t>(q.values[0] > 1.25f ? 0x2323u : 0x3232u));
    }
    return answers;
  };
  return recognises(bytes, {"byte 0, straight, carry", "byte 1, straight, carry",
                            "byte 2, straight, carry", "byte 3, straight, carry"}) &&
         recognises(pairs, {"byte 0, straight, carry", "byte 0, bit-reversed, carry",
                            "byte 1, straight, carry", "byte 1, bit-reversed, carry"}) &&
         recognises(halves, {"byte 2, straight, compare", "byte 0, straight, compare",
                             "byte 3, bit-reversed, compare", "byte 1, bit-reversed, compare"}) &&
         recognises(unlike, {from_scattered, from_scattered, "byte 3, straight, carry",
                             "byte 3, bit-reversed, carry"}) &&
         describe(infer(no_rule)[0]) == "other" && describe(infer(no_rule)[1]) == "other";
}

}  // namespace self_test
