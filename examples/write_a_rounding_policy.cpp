// SPDX-License-Identifier: Apache-2.0
// A rounding policy of one's own: nearest, ties toward zero. The library knows nothing of it.
#include <nibble/nibble.hpp>

#include <cstdio>

namespace mine {

/// The rule: up only beyond the middle.
struct past_half {
  NIBBLE_HD static constexpr bool goes_up(nibble::format::remainder r, std::uint32_t = 0) noexcept {
    return r.fraction > nibble::format::half_step;
  }
};

/// The policy: what nibble::rounding::policy asks for, and nothing else.
struct nearest_ties_down {
  static constexpr bool is_stochastic = false;

  template <nibble::number_type T, std::size_t N>
  NIBBLE_HD static constexpr auto encode(float const (&values)[N], std::uint64_t = 0) noexcept {
    nibble::packed<T, int{N}> codes{};
    for (int i = 0; i < int{N}; ++i) {
      codes.set(i, T::from_bits(nibble::format::encode<T::format, past_half>(values[i])));
    }
    return codes;
  }
};

}  // namespace mine

int main() {
  constexpr float ties[16] = {6, .25f, .75f, 1.25f, 1.75f, 2.5f, 3.5f, 5};
  constexpr nibble::quantizer ours{nibble::scaling::amax<>{}, mine::nearest_ties_down{}};
  constexpr nibble::quantizer even{nibble::scaling::amax<>{}};
  constexpr auto a = ours(ties, nibble::tensor_amax{2688});
  constexpr auto b = even(ties, nibble::tensor_amax{2688});
  static_assert(a.scale == b.scale && a.codes[2] != b.codes[2]);
  for (int i = 0; i < 8; ++i) {
    std::printf("%-5g ties down: %-4g even: %g\n", static_cast<double>(ties[i]),
                static_cast<double>(static_cast<float>(a.codes[i])),
                static_cast<double>(static_cast<float>(b.codes[i])));
  }
}
// 6     ties down: 6    even: 6
// 0.25  ties down: 0    even: 0
// 0.75  ties down: 0.5  even: 1
// 1.25  ties down: 1    even: 1
// 1.75  ties down: 1.5  even: 2
// 2.5   ties down: 2    even: 2
// 3.5   ties down: 3    even: 4
// 5     ties down: 4    even: 4
