// SPDX-License-Identifier: Apache-2.0
// What is found before a launch says the same as what it was found from.
#include <doctest/doctest.h>

#include <nibble/device/prepared.cuh>

using namespace nibble;

TEST_CASE("keys found beforehand make the words of the source") {
  for (std::uint64_t const seed :
       {0ull, 1ull, 0xFFFF'FFFF'FFFF'FFFFull, 0x0123'4567'89AB'CDEFull}) {
    random::philox4x32<> const ten{seed, seed ^ 77};
    random::philox4x32<7> const seven{seed, 3};
    device::philox_keyed<10> const keyed_ten(ten);
    device::philox_keyed<7> const keyed_seven(seven);
    for (std::uint64_t const call : {0ull, 1ull, 0xFFFF'FFFFull, 0x1'0000'0000ull, ~0ull}) {
      for (int i = 0; i < 4; ++i) {
        CHECK(keyed_ten(call).value[i] == ten(call).value[i]);
        CHECK(keyed_seven(call).value[i] == seven(call).value[i]);
      }
    }
  }
}

TEST_CASE("signs found beforehand stand in both halves of a word, and in those of neighbours") {
  transform::random_hadamard<16, bf16> transform;
  transform.signs[0] = 0b1010'0000'0000'0110;
  device::hadamard_16_by_pairs const made(transform);
  CHECK(made.signs[0] == transform.signs[0]);
  for (int i = 0; i < 16; ++i) {
    CHECK(made.of_both[i] == ((transform.signs[0] >> i & 1u) != 0 ? 0x8000'8000u : 0u));
  }
  CHECK(made.of_neighbours[0] == 0x8000'0000u);  // elements 0 and 1
  CHECK(made.of_neighbours[1] == 0x0000'8000u);
  CHECK(made.of_neighbours[6] == 0x8000'0000u);
  CHECK(made.of_neighbours[7] == 0x8000'0000u);
}

TEST_CASE("only policies that gain are changed") {
  using plain = quantizer<>;
  static_assert(std::is_same_v<decltype(device::detail::prepared(plain{})), plain>);
  auto const q = quantizer{scaling::amax<>{}, rounding::stochastic<>{{5, 6}},
                           transform::random_hadamard<16, bf16>{}};
  auto const made = device::detail::prepared(q);
  static_assert(!std::is_same_v<decltype(made.rounding), decltype(q.rounding)>);
  float values[16];
  for (int i = 0; i < 16; ++i) values[i] = static_cast<float>(i * i - 40) * 0.37f;
  auto const expected = q(values, tensor_amax{100.0f}, position(32));
  auto const got = made(values, tensor_amax{100.0f}, position(32));
  CHECK(got.scale.bits() == expected.scale.bits());
  for (int i = 0; i < 16; ++i) CHECK(got.codes[i].bits() == expected.codes[i].bits());
}
