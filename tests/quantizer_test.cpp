// SPDX-License-Identifier: Apache-2.0
// The quantizer against the integer oracle, bit for bit: published blocks at compile time, millions
// of generated ones at run time, and the laws that hold between blocks.
#include <nibble/quantizer.hpp>

#include <doctest/doctest.h>

#include <atomic>

#include "oracle/blocks.hpp"
#include "oracle/golden_blocks.hpp"
#include "support/block_witness.hpp"
#include "support/everywhere.hpp"

using namespace nibble;

namespace {

using nvfp4 = quantizer<>;
using square_tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;

constexpr bool has_bytes(nvfp4_block const& block, std::uint8_t scale,
                         std::uint8_t const (&bytes)[8]) {
  for (int i = 0; i < 8; ++i) {
    if (block.codes.bytes()[i] != bytes[i]) {
      return false;
    }
  }
  return block.scale.bits() == scale;
}

// A block worked out by hand under an amax of 7.5: its bytes and the numbers it stands for.
constexpr float worked[16] = {0,   -0.0f, .1015625f, -.203125f, .5f,      -.75f,   1,          -1.25f,
                              1.5f, -2,    2.5f,      -3,        .015625f, 3.1875f, -.0078125f, .34375f};
constexpr nvfp4_block worked_block = nvfp4{}(worked, tensor_amax{7.5f});
static_assert(has_bytes(worked_block, 0x74, {0x80, 0x90, 0xB2, 0xC4, 0xE5, 0xF6, 0x70, 0x18}));
constexpr auto restored = nvfp4{}.dequantize(worked_block, {7.5f});
static_assert(restored[3] == -.26785713f && restored[4] == .53571427f && restored[5] == -.8035714f &&
              restored[8] == 1.6071428f && restored[9] == -2.142857f && restored[11] == -3.2142856f);
static_assert(detail::float_bits(restored[1]) == 0x8000'0000u);

constexpr tensor_scale::factors factors_7_5 = nvfp4::prepare({7.5f});
static_assert(detail::float_bits(factors_7_5.encode) == 0x43B3'3333u);
static_assert(detail::float_bits(factors_7_5.decode) == 0x3B36'DB6Eu);
static_assert(detail::float_bits(nvfp4::multiplier(fp8_e4m3::from_bits(0x74), factors_7_5)) ==
              0x3F09'2492u);

// Where the order of the operations decides: 9/2048 under .375, and a tie of an element under .0625.
constexpr float scale_tie[16] = {9.0f / 2048};
static_assert(nvfp4{}(scale_tie, tensor_amax{.375f}).scale.bits() == 0x4B);
constexpr float element_tie[16] = {0x1.B6DB6Ep-20f, 0x1p-21f};
constexpr nvfp4_block element_tie_block = nvfp4{}(element_tie, tensor_amax{.0625f});
static_assert(element_tie_block.scale.bits() == 0x06 && element_tie_block.codes[1].bits() == 3);

// The smallest amaxes: S_dec is subnormal and must not be flushed.
constexpr float tiny[16] = {1e-38f, 5e-39f};
constexpr nvfp4_block tiny_block = nvfp4{}(tiny, tensor_amax{1e-38f});
static_assert(tiny_block.scale.bits() == 0x31 && tiny_block.codes[0].bits() == 5 &&
              tiny_block.codes[1].bits() == 3);

// (i + 1)(j + 1) / 64 with one outlier, under an amax of 6: one scale for 256 elements.
struct worked_tile {
  constexpr float operator()(int i, int j) const {
    return i == 3 && j == 5 ? -5.0f : static_cast<float>((i + 1) * (j + 1)) / 64;
  }
};
struct transposed_tile {
  constexpr float operator()(int i, int j) const { return worked_tile{}(j, i); }
};
constexpr auto tile_blocks = square_tiles{}(worked_tile{}, tensor_amax{6.0f});
constexpr auto column_blocks = square_tiles{}(transposed_tile{}, tensor_amax{6.0f});
static_assert(has_bytes(tile_blocks.blocks[0][0], 0x7C, {0, 0, 0, 0, 0, 0, 0x10, 0x11}));
static_assert(has_bytes(tile_blocks.blocks[3][0], 0x7C,
                        {0x00, 0x10, 0xF1, 0x11, 0x11, 0x22, 0x22, 0x22}));
static_assert(has_bytes(column_blocks.blocks[0][0], 0x7C, {0, 0, 0, 0, 0, 0, 0x10, 0x11}));

static_assert(nvfp4::group.rows == 1 && nvfp4::group.columns == 16 && nvfp4::is_one_block);
static_assert(square_tiles::group.rows == 16 && square_tiles::group.columns == 16);
using wide_transform = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                                 transform::hadamard<128>>;
static_assert(wide_transform::group.columns == 128 && wide_transform::blocks_per_row == 8);
static_assert(quantizer<fp8_block, scaling::amax<scaling::tile::square, tensor_scale::none>>::group
                  .rows == 128);
static_assert(nvfp4::has_one_amax &&
              !quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>::has_one_amax);

/// Exchanges neighbours: the smallest transform that does something.
struct exchange {
  static constexpr int size = 2;
  static constexpr void apply(float (&pair)[2]) noexcept {
    float const first = pair[0];
    pair[0] = pair[1];
    pair[1] = first;
  }
  static constexpr void invert(float (&pair)[2]) noexcept { apply(pair); }
};

/// A transform narrower than a block goes over each of its pieces, and back.
constexpr bool exchanges_each_pair() {
  using exchanging = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, exchange>;
  nvfp4_block const made = exchanging{}(worked, tensor_amax{7.5f});
  auto const numbers = exchanging{}.dequantize(made, {7.5f});
  for (int i = 0; i != 16; ++i) {
    if (made.codes[i].bits() != worked_block.codes[i ^ 1].bits()) return false;
    if (detail::float_bits(numbers[i]) != detail::float_bits(restored[i])) return false;
  }
  return made.scale == worked_block.scale;
}
static_assert(exchanges_each_pair());

static_assert(std::is_trivially_copyable_v<nvfp4> && sizeof(nvfp4) <= 4);  // kernels take it by value

/// A scaling whose encode factor is a divisor.
struct by_thirds {
  static constexpr scaling::tile shape = scaling::tile::row;
  static constexpr bool divides = true;
  using outer = tensor_scale::none;
  template <class Block, std::size_t Rows>
  static constexpr scaling::chosen<typename Block::scale_type> choose(
      float const (&)[Rows][std::size_t{Block::size}], tensor_scale::factors const&) noexcept {
    return {typename Block::scale_type(3.0f), 3.0f};
  }
};

/// How many codes of a group, and numbers that they stand for, are not what the steps give one by one.
template <class Quantizer>
int unlike_its_steps() {
  using block_type = typename Quantizer::block_type;
  constexpr int columns = Quantizer::group.columns, size = block_type::size;
  Quantizer const q{};
  auto const factors = Quantizer::prepare({6.25f});
  float in[std::size_t{columns}], turned[1][std::size_t{columns}];
  for (int i = 0; i != columns; ++i) in[i] = static_cast<float>(i * 37 % 101 - 50) / 8;
  q.load(in, turned);
  auto const made = q(in, factors);
  int unlike = 0;
  for (int b = 0; b != columns / size; ++b) {
    float tile[1][std::size_t{size}];
    for (int c = 0; c != size; ++c) tile[0][c] = turned[0][b * size + c];
    auto const chosen = q.scaling.template choose<block_type>(tile, factors);
    block_type const& block = Quantizer::block_of(made, 0, b);
    auto const numbers = Quantizer::decode(block, factors);
    float const multiplier = Quantizer::multiplier(block.scale, factors);
    unlike += block.scale.bits() != chosen.scale.bits();
    for (int c = 0; c != size; ++c) {
      if constexpr (!is_adaptive<block_type>) {
        float const scaled = scaling::divides<typename Quantizer::scaling_type>
                                 ? arch::divide(tile[0][c], chosen.encode)
                                 : arch::multiply(tile[0][c], chosen.encode);
        unlike += block.codes[c].bits() != typename block_type::element_type(scaled).bits();
      }
      unlike += detail::float_bits(numbers[c]) !=
                detail::float_bits(arch::multiply(value_of(block, c), multiplier));
    }
  }
  return unlike;
}

/// The number of blocks on which make(i) and expect(i) differ; every index must have been visited.
template <class Make, class Expect>
std::uint64_t mismatches(std::uint64_t count, Make make, Expect expect) {
  std::atomic<std::uint64_t> visited{0};
  std::uint64_t const wrong = everywhere::host_sweep(count, [&](std::uint64_t i) {
    visited.fetch_add(1, std::memory_order_relaxed);
    return make(i) == expect(i);
  });
  CHECK(visited == count);
  return wrong;
}

/// Random words for sixteen elements of one block, the way random::fill reads them.
struct given_words {
  std::uint32_t value[16];

  constexpr random::words operator()(std::uint64_t call) const noexcept {
    std::size_t const first = 4 * static_cast<std::size_t>(call);
    return {{value[first], value[first + 1], value[first + 2], value[first + 3]}};
  }
};

template <int Bits>
given_words words_of(oracle::sixteen const& words) {
  given_words result{};
  constexpr std::size_t per_word = Bits == 24 ? 1 : 32 / Bits;
  for (std::size_t i = 0; i != 16; ++i) {
    result.value[i / per_word] |= words[i] << (Bits * (i % per_word));
  }
  return result;
}

template <int Bits>
std::uint64_t stochastic_mismatches(std::uint64_t count) {
  oracle::block_generator const generate(30 + Bits);
  return mismatches(
      count,
      [&](std::uint64_t i) {
        oracle::test_block const in = generate(i);
        using rounding_type = rounding::stochastic<Bits, given_words>;
        quantizer const q{scaling::amax<>{}, rounding_type{words_of<Bits>(generate.words(i, Bits))}};
        return witness::plain(q(witness::read(in.values), witness::amax(in.amax)));
      },
      [&](std::uint64_t i) {
        oracle::test_block const in = generate(i);
        return oracle::quantize_stochastic(in.values, in.amax, generate.words(i, Bits), Bits);
      });
}

}  // namespace

TEST_CASE("every worked block of the Python model comes out, codes, scale and numbers") {
  std::uint32_t wrong = 0;
  for (golden::worked_block const& row : golden::worked_blocks) {
    nvfp4_block const made = nvfp4{}(witness::read(row.values), witness::amax(row.amax));
    oracle::block const plain = witness::plain(made);
    std::uint64_t codes = 0;
    for (std::size_t i = 0; i != 16; ++i) {
      codes |= std::uint64_t{plain.codes[i]} << (4 * i);
    }
    auto const numbers = witness::bits_of(nvfp4{}.dequantize(made, witness::amax(row.amax)));
    bool const equal = codes == row.codes && plain.scale == row.scale &&
                       witness::same(numbers, row.restored);
    wrong += equal ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

// bugs: A18 A21 B22
TEST_CASE("ten million blocks, half of them on ties, equal the oracle's in every bit") {
  oracle::block_generator const generate(11);
  std::atomic<std::uint64_t> visited{0};
  constexpr std::uint64_t count = 10'000'000;
  std::uint64_t const wrong = everywhere::host_sweep(count, [&](std::uint64_t i) {
    visited.fetch_add(1, std::memory_order_relaxed);
    oracle::test_block const in = generate(i);
    tensor_amax const amax = witness::amax(in.amax);
    nvfp4_block const made = nvfp4{}(witness::read(in.values), amax);
    oracle::block const expected = oracle::quantize(in.values, in.amax);
    return witness::plain(made) == expected &&
           witness::same(witness::bits_of(nvfp4{}.dequantize(made, amax)),
                         oracle::dequantize(expected, in.amax));
  });
  CHECK(wrong == 0);
  CHECK(visited == count);
}

// bugs: B23 C3
TEST_CASE("each wrong formula makes other blocks than the library does") {
  oracle::block_generator const generate(12);
  std::array<std::uint64_t, oracle::mutant_names.size()> killed{};
  for (std::uint64_t i = 0; i != 100'000; ++i) {
    oracle::test_block const in = generate(i);
    auto const made = witness::plain(nvfp4{}(witness::read(in.values), witness::amax(in.amax)));
    for (std::size_t which = 0; which != killed.size(); ++which) {
      auto const mutant = static_cast<oracle::mutant>(which);
      killed[which] += oracle::quantize_as(mutant, in.values, in.amax) == made ? 0U : 1U;
    }
  }
  for (std::size_t which = 0; which != killed.size(); ++which) {
    CAPTURE(oracle::mutant_names[which]);
    CHECK(killed[which] >= 1000);
  }
}

TEST_CASE("a million blocks under the bound 256 equal the oracle's") {
  oracle::block_generator const generate(13);
  using bound_256 = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::current<256>>>;
  CHECK(mismatches(
            1'000'000,
            [&](std::uint64_t i) {
              oracle::test_block const in = generate(i);
              return witness::plain(bound_256{}(witness::read(in.values), witness::amax(in.amax)));
            },
            [&](std::uint64_t i) {
              oracle::test_block const in = generate(i);
              oracle::trace steps;
              return oracle::quantize(in.values, oracle::scales_of(in.amax, 256), steps);
            }) == 0);
}

TEST_CASE("a million blocks in square tiles equal the oracle's, and so do their transposes") {
  oracle::block_generator const generate(14);
  constexpr std::uint64_t tiles = 1'000'000 / 16;
  CHECK(everywhere::host_sweep(tiles, [&](std::uint64_t i) {
          oracle::test_tile const in = generate.tile(i);
          oracle::tile const expected = oracle::quantize_tile(in.values, in.amax);
          oracle::tile_values turned{};
          std::array<std::array<std::uint8_t, 16>, 16> turned_codes{};
          for (std::size_t r = 0; r != 16; ++r) {
            turned_codes[r] = expected.column(r).codes;
            for (std::size_t c = 0; c != 16; ++c) {
              turned[r][c] = in.values[c][r];
            }
          }
          tensor_amax const amax = witness::amax(in.amax);
          return witness::same(square_tiles{}(witness::read(in.values), amax), expected.scale,
                               expected.codes) &&
                 witness::same(square_tiles{}(witness::read(turned), amax), expected.scale,
                               turned_codes);
        }) == 0);
}

TEST_CASE("a million stochastic blocks with given random words equal the oracle's") {
  CHECK(stochastic_mismatches<8>(1'000'000) == 0);
}

TEST_CASE("stochastic blocks with 16 and 24 random bits equal the oracle's") {
  CHECK(stochastic_mismatches<16>(100'000) == 0);
  CHECK(stochastic_mismatches<24>(100'000) == 0);
}

TEST_CASE("each block of a wide group draws the random words of its own place") {
  using drawing = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>>;
  using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>, transform::hadamard<128>>;
  wide const q{{}, {{5, 6}}};
  drawing const one_by_one{{}, {{5, 6}}};
  float in[128], values[1][128];
  for (int i = 0; i < 128; ++i) in[i] = static_cast<float>(i * i % 61 - 30) / 8;
  auto const factors = wide::prepare({7.5f});
  q.load(in, values);
  auto const made = q(in, factors, position(4096));
  for (int b = 0; b < 8; ++b) {
    float piece[1][16];
    for (int i = 0; i < 16; ++i) piece[0][i] = values[0][16 * b + i];
    auto const alone = one_by_one.encode(piece, factors, position(4096u + 16u * static_cast<unsigned>(b)));
    CHECK(witness::plain(made.blocks[0][b]) == witness::plain(alone));
  }
}

TEST_CASE("a group is its steps one by one, for any element, block, transform and scaling") {
  using rounding::nearest_even;
  CHECK(unlike_its_steps<nvfp4>() == 0);
  CHECK(unlike_its_steps<quantizer<nvfp4_block, by_thirds>>() == 0);
  CHECK(unlike_its_steps<quantizer<block<fp4_e2m1, fp8_e4m3, 8>>>() == 0);
  CHECK(unlike_its_steps<quantizer<block<fp4_e2m1, fp8_e4m3, 8>, by_thirds>>() == 0);
  CHECK(unlike_its_steps<quantizer<mxfp8_block, scaling::power_of_two<>>>() == 0);
  CHECK(unlike_its_steps<quantizer<if4_block, scaling::adaptive<>>>() == 0);
  CHECK(unlike_its_steps<quantizer<nvfp4_block, scaling::amax<>, nearest_even, transform::hadamard<32>>>() == 0);
}

// bugs: E1
TEST_CASE("position.of is the index of an element in the whole matrix, past 2^32 too") {
  constexpr position where(std::uint64_t{5} << 40, std::uint64_t{1} << 33);
  static_assert(where.of(0, 3) == (std::uint64_t{5} << 40) + 3);
  static_assert(where.of(15, 0) == (std::uint64_t{5} << 40) + (std::uint64_t{15} << 33));
  CHECK(where.of(1, 1) == (std::uint64_t{5} << 40) + (std::uint64_t{1} << 33) + 1);
}

TEST_CASE("floats, bf16 numbers and arrays of rows are read alike") {
  bf16 narrow[16]{};
  float square[16][16]{};
  for (int i = 0; i < 16; ++i) {
    narrow[i] = bf16(worked[i]);
    for (int j = 0; j < 16; ++j) {
      square[i][j] = worked_tile{}(i, j);
    }
  }
  CHECK(witness::plain(nvfp4{}(narrow, tensor_amax{7.5f})) == witness::plain(worked_block));
  auto const tile = square_tiles{}(square, tensor_amax{6.0f});
  for (int i = 0; i < 16; ++i) {
    CHECK(witness::plain(tile.blocks[i][0]) == witness::plain(tile_blocks.blocks[i][0]));
  }
}
