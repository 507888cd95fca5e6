// SPDX-License-Identifier: Apache-2.0
// Who checks the witness: its NVFP4 model against the Python model and against published examples.
#include "oracle/nvfp4.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "oracle/golden_blocks.hpp"

namespace {

using oracle::same;

oracle::block block_of(std::uint8_t scale, std::uint64_t codes) {
  oracle::block result{scale, {}};
  for (std::size_t index = 0; index != 16; ++index) {
    result.codes[index] = static_cast<std::uint8_t>((codes >> (4 * index)) & 15U);
  }
  return result;
}

template <std::size_t Count>
bool all_same(std::array<std::uint32_t, Count> const& a,
              std::array<std::uint32_t, Count> const& b) {
  bool equal = true;
  for (std::size_t index = 0; index != Count; ++index)
    equal &= same(a[index], b[index]);
  return equal;
}

}  // namespace

TEST_CASE("the two models agree on every step of every worked block") {
  for (golden::worked_block const& row : golden::worked_blocks) {
    CAPTURE(row.amax);
    oracle::tensor_scales const tensor = oracle::scales_of(row.amax);
    oracle::trace steps;
    oracle::block const made = oracle::quantize(row.values, tensor, steps);
    CHECK(tensor.encode == row.tensor_encode);
    CHECK(tensor.decode == row.tensor_decode);
    CHECK(tensor.multiplier == row.tensor_multiplier);
    CHECK(steps.scale == row.block_scale);
    CHECK(steps.product == row.product);
    CHECK(steps.encode == row.block_encode);
    CHECK(made == block_of(row.scale, row.codes));
    CHECK(all_same(oracle::dequantize(made, row.amax), row.restored));
  }
}

TEST_CASE("the two models agree on tensor scales and on alpha") {
  for (golden::tensor_scale const& row : golden::tensor_scales) {
    CAPTURE(row.amax);
    oracle::tensor_scales const made = oracle::scales_of(row.amax);
    CHECK(made.encode == row.encode);
    CHECK(made.decode == row.decode);
    CHECK(made.multiplier == row.multiplier);
  }
  for (golden::product_scale const& row : golden::product_scales) {
    CHECK(oracle::alpha_of(oracle::one_bits, row.amax_a, row.amax_b) == row.alpha);
  }
}

TEST_CASE("the two models agree on four-over-six") {
  std::uint32_t fours = 0;
  for (golden::four_over_six_block const& row : golden::four_over_six_blocks) {
    CAPTURE(row.amax);
    CAPTURE(row.metric);
    CAPTURE(row.bound);
    auto const made = oracle::four_over_six<1>({row.values}, row.amax,
                                               static_cast<oracle::metric>(row.metric), row.bound);
    CHECK(made.map_to_four == row.map_to_four);
    CHECK(made.error_of_six == row.error_of_six);
    CHECK(made.error_of_four == row.error_of_four);
    CHECK(oracle::block{made.scale, made.codes[0]} == block_of(row.scale, row.codes));
    fours += made.map_to_four ? 1U : 0U;
  }
  CHECK(fours != 0);
  CHECK(fours != golden::four_over_six_blocks.size());
}

TEST_CASE("the two models agree on a 16x16 tile") {
  oracle::tile_values values{};
  for (std::size_t row = 0; row != 16; ++row)
    values[row] = golden::worked_tile[row].values;
  oracle::tile const made = oracle::quantize_tile(values, golden::worked_tile[0].amax);
  CHECK(made.scale == 0x7C);
  for (std::size_t row = 0; row != 16; ++row) {
    golden::worked_block const& expected = golden::worked_tile[row];
    CHECK(made.row(row) == block_of(expected.scale, expected.codes));
  }
  // The published bytes of rows 0 and 3 and of the transposed first row.
  std::array<std::uint8_t, 8> const first{0, 0, 0, 0, 0, 0, 0x10, 0x11};
  CHECK(made.row(0).bytes() == first);
  CHECK(made.row(3).bytes() ==
        std::array<std::uint8_t, 8>{0x00, 0x10, 0xF1, 0x11, 0x11, 0x22, 0x22, 0x22});
  CHECK(made.column(0).bytes() == first);
}

TEST_CASE("the published block under amax 7.5 has the published bytes and intermediate values") {
  golden::worked_block const& row = golden::worked_blocks[0];
  CHECK(row.tensor_encode == 0x43B33333U);
  CHECK(row.tensor_multiplier == 0x426EEEEFU);
  CHECK(row.tensor_decode == 0x3B36DB6EU);
  oracle::trace steps;
  oracle::block const made = oracle::quantize(row.values, oracle::scales_of(row.amax), steps);
  CHECK(steps.scale == 0x433E6666U);
  CHECK(steps.product == 0x3F092492U);
  CHECK(steps.encode == 0x3FEEEEEFU);
  CHECK(made.scale == 0x74);
  CHECK(made.bytes() ==
        std::array<std::uint8_t, 8>{0x80, 0x90, 0xB2, 0xC4, 0xE5, 0xF6, 0x70, 0x18});
}

TEST_CASE("the published examples of the operation order come out, and the wrong order does not") {
  golden::worked_block const& scale_tie = golden::worked_blocks[1];
  CHECK(scale_tie.block_scale == 0x40A80001U);
  CHECK(oracle::quantize(scale_tie.values, scale_tie.amax).scale == 0x4B);
  CHECK(
      oracle::quantize_as(oracle::mutant::amax_over_six, scale_tie.values, scale_tie.amax).scale ==
      0x4A);
  golden::worked_block const& element_tie = golden::worked_blocks[2];
  CHECK(oracle::quantize(element_tie.values, element_tie.amax).scale == 0x06);
  CHECK(oracle::quantize(element_tie.values, element_tie.amax).codes[1] == 3);
  CHECK(oracle::quantize_as(oracle::mutant::encode_over_scale, element_tie.values, element_tie.amax)
            .codes[1] == 4);
  golden::worked_block const& tiny = golden::worked_blocks[3];
  oracle::trace steps;
  oracle::block const made = oracle::quantize(tiny.values, oracle::scales_of(tiny.amax), steps);
  CHECK(steps.product == 0x00120000U);
  CHECK(steps.encode == oracle::largest_bits);
  CHECK(made.scale == 0x31);
  CHECK(made.codes[0] == 5);
  CHECK(made.codes[1] == 3);
}

TEST_CASE("the published block scales under amax 2688 come out") {
  std::array<std::uint8_t, 9> const bytes{0x7E, 0x7E, 0x76, 0x77, 0x38, 0x01, 0x01, 0x00, 0x00};
  std::array<std::uint32_t, 9> const encodes{0x3B124925U, 0x3B124925U, 0x3B924925U,
                                             0x3B888889U, 0x3F800000U, 0x44000000U,
                                             0x44000000U, 0x7F7FFFFFU, 0x7F7FFFFFU};
  for (std::size_t index = 0; index != 9; ++index) {
    golden::worked_block const& row = golden::worked_blocks[4 + index];
    CAPTURE(index);
    oracle::trace steps;
    oracle::block const made = oracle::quantize(row.values, oracle::scales_of(row.amax), steps);
    CHECK(made.scale == bytes[index]);
    CHECK(steps.encode == encodes[index]);
  }
}

TEST_CASE("the published four-over-six block maps to four with the published error and bytes") {
  golden::four_over_six_block const* found = nullptr;
  for (golden::four_over_six_block const& row : golden::four_over_six_blocks) {
    if (row.amax == 0x41800000U && row.metric == 1 && row.bound == 256) {
      found = &row;
      break;
    }
  }
  REQUIRE(found != nullptr);
  auto const made =
      oracle::four_over_six<1>({found->values}, found->amax, oracle::metric::absolute, 256);
  CHECK(made.map_to_four);
  CHECK(made.scale == 0x6C);
  CHECK(oracle::block{made.scale, made.codes[0]}.bytes() ==
        std::array<std::uint8_t, 8>{0x66, 0xC4, 0x22, 0x5D, 0x91, 0xB3, 0xC5, 0xE0});
  // 2.003092 and 1.035645, to the six digits published
  CHECK(std::bit_cast<float>(made.error_of_six) == doctest::Approx(2.003092).epsilon(1e-6));
  CHECK(std::bit_cast<float>(made.error_of_four) == doctest::Approx(1.035645).epsilon(1e-6));
}

TEST_CASE("the published alpha and reciprocals come out") {
  CHECK(oracle::alpha_of(oracle::one_bits, 0x40F00000U, 0x3F500000U) == 0x35626502U);
  CHECK(oracle::alpha_of(oracle::one_bits, oracle::one_bits, oracle::one_bits) == 0x34149B93U);
  CHECK(oracle::alpha_of(oracle::one_bits, oracle::one_bits, oracle::one_bits, 448, 256) ==
        0x34820821U);
  CHECK(oracle::alpha_of(oracle::one_bits, oracle::one_bits, oracle::one_bits, 256, 256) ==
        0x34E38E39U);
  CHECK(oracle::decode_factor(oracle::one_bits, oracle::one_bits) == 0x39C30C31U);
  CHECK(oracle::decode_factor(oracle::one_bits, oracle::one_bits, 256) == 0x3A2AAAABU);
}

TEST_CASE("the quick encoders and decoders are the tables") {
  for (oracle::format const& which : {oracle::e2m1, oracle::e4m3}) {
    CAPTURE(which.name);
    oracle::quick_encoder const quick(which);
    oracle::interval_table const intervals(which);
    std::uint32_t wrong = 0;
    for (oracle::interval_table::row const& row : intervals.rows()) {
      for (std::uint32_t const bits : {row.first - 1, row.first, row.first + 1}) {
        wrong += quick.encode(bits) == intervals.expected_code(bits) ? 0U : 1U;
      }
    }
    for (std::uint32_t code = 0; code != oracle::table_of(which).codes(); ++code) {
      oracle::number const value = oracle::table_of(which).decode(code);
      bool const equal = value.type == oracle::kind::nan
                             ? oracle::is_nan(quick.decode(code))
                             : quick.decode(code) == oracle::round_to_binary32(value.value);
      wrong += equal ? 0U : 1U;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("stochastic blocks keep the scale and choose the neighbour that the word says") {
  golden::worked_block const& row = golden::worked_blocks[0];
  oracle::block const nearest = oracle::quantize(row.values, row.amax);
  oracle::sixteen words{};
  oracle::block const down = oracle::quantize_stochastic(row.values, row.amax, words, 8);
  words.fill(255);
  oracle::block const up = oracle::quantize_stochastic(row.values, row.amax, words, 8);
  CHECK(down.scale == nearest.scale);
  CHECK(up.scale == nearest.scale);
  // y = 0.18958: its fraction is 97/256, so words from 159 on move it from 0 to 0.5.
  words.fill(158);
  CHECK(oracle::quantize_stochastic(row.values, row.amax, words, 8).codes[2] == 0);
  words.fill(159);
  CHECK(oracle::quantize_stochastic(row.values, row.amax, words, 8).codes[2] == 1);
  for (std::size_t index = 0; index != 16; ++index) {
    CHECK((down.codes[index] == nearest.codes[index] || up.codes[index] == nearest.codes[index]));
  }
}
