// SPDX-License-Identifier: Apache-2.0
// Products: exact against 128-bit integers, ordered against a plain loop over blocks, fast against
// exact, and all that happens to a sum on its way out.
#include <nibble/matmul.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#include <cmath>
#include <stdexcept>

#include <nibble/nibble.hpp>

#include "oracle/golden_blocks.hpp"
#include "support/block_witness.hpp"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::filled;
using fixture::matrix;
using layout::scale_tile_128x4;

namespace {

using plain = quantizer<>;
template <class Outer>
using under = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, Outer>>;

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

// --- alpha: the published example and constants, and b before a.
static_assert(detail::float_bits(fold_alpha<plain, plain>(1, {.8125f}, {7.5f})) == 0x35626502);
static_assert(detail::float_bits(fold_alpha<plain, plain>(1, {1}, {1})) == 0x34149B93);
using bound_256 = under<tensor_scale::current<256>>;
static_assert(detail::float_bits(fold_alpha<plain, bound_256>(1, {1}, {1})) == 0x34820821);
static_assert(detail::float_bits(fold_alpha<bound_256, bound_256>(1, {1}, {1})) == 0x34E38E39);
using untied = under<tensor_scale::none>;
static_assert(fold_alpha<untied, untied>(3, {7}, {9}) == 3);
static_assert(fold_alpha<untied, plain>(1, {7}, {2688}) == 1);

/// Random codes and scales of any finite value, signs too: more than any quantizer would make.
template <class Q, class Layout = cuda::std::layout_right>
quantized_by<Q, Layout> random_operand(matrix_index rows, matrix_index columns, std::uint64_t seed,
                                       float amax = 1.0f) {
  quantized_by<Q, Layout> result(shape_for<Q, Layout>(rows, columns));
  oracle::bit_source random(seed);
  auto const view = result.view();
  using element = typename Q::element_type;
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index j = 0; j < columns; ++j) {
      std::uint32_t const mask = element::format.mask();
      element code = element::from_bits(random.below(mask + 1));
      view.codes(i, j) = static_cast<float>(code) == static_cast<float>(code) ? code : element(0.0f);
    }
    for (matrix_index b = 0; b < view.scales.extent(1); ++b) {
      using scale = typename Q::scale_type;
      if constexpr (std::is_same_v<scale, float>) {
        view.scales(i, b) = static_cast<float>(random.below(1000)) * 0x1.234567p-9f;
      } else if constexpr (std::is_same_v<scale, fp8_e4m3>) {
        view.scales(i, b) = scale::from_bits(random.below(127) | random.below(2) << 7);
      } else {
        view.scales(i, b) = scale::from_bits(std::is_same_v<scale, e8m0> ? 110 + random.below(30)
                                                                         : random.below(200));
      }
    }
  }
  for (matrix_index i = 0; i < view.amax.extent(0); ++i) {
    for (matrix_index j = 0; j < view.amax.extent(1); ++j) {
      view.amax(i, j) = amax * (1.0f + static_cast<float>(random.below(64)) / 37);
    }
  }
  return result;
}

/// value = integer * 2^-unit, exactly.
std::int64_t units(oracle::dyadic const& value, int unit) {
  auto const size = static_cast<std::int64_t>(value.significand) << (value.exponent + unit);
  return value.negative ? -size : size;
}
std::int64_t half_units(fp4_e2m1 code) { return units(oracle::table_of(oracle::e2m1).decode(code.bits()).value, 1); }
std::int64_t scale_units(fp8_e4m3 scale) { return units(oracle::table_of(oracle::e4m3).decode(scale.bits()).value, 9); }

/// The exact sum of a row of a and a row of b, rounded once; NaN where a scale is.
template <class A, class B>
std::uint32_t exact_sum(A const& a, B const& b, matrix_index i, matrix_index j) {
  __extension__ typedef __int128 integer;
  integer sum = 0;
  for (matrix_index block = 0; block < a.scales.extent(1); ++block) {
    if (a.scale(i, block).bits() % 128 == 127 || b.scale(j, block).bits() % 128 == 127) {
      return oracle::quiet_nan_bits;
    }
    std::int64_t codes = 0;
    for (matrix_index k = 16 * block; k < std::min(16 * block + 16, a.columns()); ++k) {
      codes += half_units(a.codes(i, k)) * half_units(b.codes(j, k));
    }
    sum += static_cast<integer>(codes) * scale_units(a.scale(i, block)) * scale_units(b.scale(j, block));
  }
  bool const negative = sum < 0;
  return oracle::round_to_binary32(negative, static_cast<oracle::wide>(negative ? -sum : sum), -20);
}

/// The epilogue in the oracle's arithmetic.
std::uint32_t finished(std::uint32_t sum, std::uint32_t alpha, epilogue const& e, float before,
                       matrix_index j) {
  std::uint32_t result = oracle::ieee::multiply(alpha, sum);
  if (e.beta != 0) {
    result = oracle::ieee::add(result, oracle::ieee::multiply(bits(e.beta), bits(before)));
  }
  return e.bias == nullptr ? result : oracle::ieee::add(result, bits(e.bias[j]));
}

template <class A, class B>
int exact_mismatches(A const& a, B const& b, epilogue const& e, int parallel) {
  matrix_index const m = a.view().rows(), n = b.view().rows();
  matrix<float> out(m, n, 1, m + 2);
  for (matrix_index j = 0; j < n; ++j) {
    for (matrix_index i = 0; i < m; ++i) {
      out(i, j) = static_cast<float>(i - j) / 3;
    }
  }
  auto const before = out;
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, out.view(), e, threads{parallel});
  int wrong = 0;
  auto rest = out.values;
  for (matrix_index i = 0; i < m; ++i) {
    for (matrix_index j = 0; j < n; ++j) {
      std::uint32_t const alpha = oracle::alpha_of(bits(e.alpha), bits(b.amax()[0]), bits(a.amax()[0]));
      std::uint32_t const expected =
          finished(exact_sum(a.view(), b.view(), i, j), alpha, e, before(i, j), j);
      wrong += oracle::same(bits(out(i, j)), expected) ? 0 : 1;
      rest[static_cast<std::size_t>(i + j * (m + 2))] = before(i, j);
    }
  }
  return wrong + (rest == before.values ? 0 : 1);
}

/// The definition of ordered, as a plain double loop; products are kept from fusing with sums.
template <class Q, class A, class B>
float ordered_sum(A const& a, B const& b, matrix_index i, matrix_index j, float constant) {
  constexpr matrix_index size = Q::block_type::size;
  double sum = 0;
  for (matrix_index block = 0; block < a.scales.extent(1); ++block) {
    double codes = 0;
    for (matrix_index k = block * size; k < std::min((block + 1) * size, a.columns()); ++k) {
      typename Q::element_type const x = a.codes(i, k), y = b.codes(j, k);
      codes += static_cast<double>(static_cast<float>(x)) * static_cast<double>(static_cast<float>(y));
    }
    double volatile term = codes * static_cast<double>(static_cast<float>(a.scale(i, block)));
    term = term * static_cast<double>(static_cast<float>(b.scale(j, block)));
    if (Q::outer::shares == tensor_scale::granularity::block_128) {
      term = term * static_cast<double>(a.amax_of(i, block * size));
      term = term * static_cast<double>(b.amax_of(j, block * size));
    }
    sum = sum + term;
  }
  float const alpha_a = Q::outer::shares == tensor_scale::granularity::block_128 ? 1 : a.amax_of(i, 0);
  float const alpha_b = Q::outer::shares == tensor_scale::granularity::block_128 ? 1 : b.amax_of(j, 0);
  std::uint32_t alpha = oracle::one_bits;
  if (Q::outer::bound > 0) {
    alpha = oracle::ieee::multiply(bits(alpha_b), bits(alpha_a));
    alpha = oracle::ieee::multiply(alpha, bits(constant));
  }
  std::uint32_t const rounded = oracle::round_to_binary32(
      oracle::from_binary64(std::bit_cast<std::uint64_t>(sum)).value);
  return std::bit_cast<float>(oracle::ieee::multiply(alpha, rounded));
}

template <class Q>
int ordered_mismatches() {
  float const constant = std::bit_cast<float>(
      Q::outer::bound > 0 ? oracle::ieee::divide(oracle::one_bits, oracle::from_integer(36 * 448 * 448))
                          : oracle::one_bits);
  int wrong = 0;
  for (auto const& [m, n, k] : {std::array<matrix_index, 3>{1, 1, 1}, {7, 9, 31}, {6, 8, 256},
                                {13, 17, 300}, {3, 2, 0}}) {
    auto const a = random_operand<Q>(m, k, 1), b = random_operand<Q>(n, k, 2);
    matrix<float> out(m, n);
    matmul<product::ordered>(a.view(), Q{}, b.view(), Q{}, out.view());
    for (matrix_index i = 0; i < m; ++i) {
      for (matrix_index j = 0; j < n; ++j) {
        wrong += bits(out(i, j)) == bits(ordered_sum<Q>(a.view(), b.view(), i, j, constant)) ? 0 : 1;
      }
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("alpha is TransformerEngine's for the model's amaxes, b being cuBLAS's first operand") {
  for (golden::product_scale const& row : golden::product_scales) {
    float const made = fold_alpha<plain, plain>(1, witness::amax(row.amax_b), witness::amax(row.amax_a));
    CHECK(bits(made) == row.alpha);
  }
  // Amaxes for which the order shows: the product of three rounds differently from the left.
  oracle::bit_source random(3);
  int different = 0;
  for (int i = 0; i < 1000; ++i) {
    std::uint32_t const alpha = 0x3F800000U + random.below(1U << 23);
    std::uint32_t const a = 0x3F800000U + random.below(1U << 23);
    std::uint32_t const b = 0x3F800000U + random.below(1U << 23);
    float const made = fold_alpha<plain, plain>(std::bit_cast<float>(alpha), witness::amax(a), witness::amax(b));
    CHECK_UNARY(bits(made) == oracle::alpha_of(alpha, b, a));
    different += oracle::alpha_of(alpha, b, a) != oracle::alpha_of(alpha, a, b) ? 1 : 0;
  }
  CHECK(different > 100);
}

// bugs: D11
TEST_CASE("three hundred exact products equal 128-bit integers, rounded once, to the bit") {
  oracle::bit_source random(17);
  int wrong = 0;
  for (int shape = 0; shape < 300; ++shape) {
    auto const dimension = [&](std::uint32_t most) { return static_cast<matrix_index>(random.below(most)); };
    matrix_index const m = shape % 7 == 0 ? 1 : dimension(20);
    matrix_index const n = dimension(20);
    matrix_index const k = shape % 11 == 0 ? 0 : dimension(shape % 10 == 0 ? 2500 : 130);
    std::vector<float> bias(20);
    for (float& each : bias) each = static_cast<float>(random.below(100)) / 7;
    epilogue const e{shape % 3 == 0 ? 1.0f : 1.3f, shape % 4 == 0 ? 0.7f : 0.0f,
                     shape % 5 == 0 ? bias.data() : nullptr};
    auto const seed = static_cast<std::uint64_t>(shape);
    auto const a = random_operand<plain>(m, k, seed, 7.5f);
    auto const b = random_operand<plain>(n, k, seed + 1000, .8125f);
    wrong += exact_mismatches(a, b, e, 1 + shape % 3);
  }
  CHECK(wrong == 0);
}

TEST_CASE("exact sums stay exact at their largest: every product 6 * 448 squared, and cancelling") {
  for (matrix_index const k : {1024, 1040, 4096, 65536}) {
    auto a = random_operand<plain>(2, k, 5), b = random_operand<plain>(2, k, 6);
    for (matrix_index j = 0; j < k; ++j) {
      a.view().codes(0, j) = fp4_e2m1(6.0f);
      b.view().codes(0, j) = fp4_e2m1(6.0f);
      a.view().codes(1, j) = fp4_e2m1(j < k / 2 ? 6.0f : -6.0f);
    }
    a.view().codes(1, k - 1) = fp4_e2m1(-4.0f);
    for (matrix_index block = 0; block < k / 16; ++block) {
      a.view().scales(0, block) = b.view().scales(0, block) = fp8_e4m3(448.0f);
      a.view().scales(1, block) = fp8_e4m3(448.0f);
    }
    CHECK(exact_mismatches(a, b, {}, 2) == 0);
  }
}

TEST_CASE("the smallest product survives between the largest ones that cancel") {
  for (matrix_index const k : {1024, 2048, 8192, 65536}) {
    auto a = random_operand<plain>(1, k, 5, 2688.0f), b = random_operand<plain>(1, k, 6, 2688.0f);
    matrix_index const middle = k / 32;
    for (matrix_index j = 0; j < k; ++j) {
      matrix_index const block = j / 16;
      bool const is_large = block != 0 && block != middle;
      float const sign = block < middle ? 1.0f : -1.0f;
      a.view().codes(0, j) = fp4_e2m1(is_large ? sign * 6.0f : j == 16 * middle ? 0.5f : 0.0f);
      b.view().codes(0, j) = fp4_e2m1(is_large ? 6.0f : 0.5f);
      auto const scale = is_large ? fp8_e4m3(448.0f) : fp8_e4m3::from_bits(1);
      a.view().scales(0, block) = b.view().scales(0, block) = scale;
    }
    CHECK(bits(std::bit_cast<float>(exact_sum(a.view(), b.view(), 0, 0))) == bits(0x1p-20f));
    CHECK(exact_mismatches(a, b, {}, 1) == 0);
  }
}

// bugs: A3
TEST_CASE("a NaN scale makes its row of the product NaN and nothing else") {
  auto a = random_operand<plain>(9, 40, 7), b = random_operand<plain>(10, 40, 8);
  a.view().scales(3, 2) = fp8_e4m3::from_bits(0x7F);
  b.view().scales(4, 0) = fp8_e4m3::from_bits(0xFF);
  CHECK(exact_mismatches(a, b, {}, 1) == 0);
  matrix<float> exact(9, 10), ordered(9, 10), fast(9, 10);
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, exact.view());
  matmul<product::ordered>(a.view(), plain{}, b.view(), plain{}, ordered.view());
  matmul<product::fast>(a.view(), plain{}, b.view(), plain{}, fast.view());
  for (matrix_index i = 0; i < 9; ++i) {
    for (matrix_index j = 0; j < 10; ++j) {
      bool const nan = i == 3 || j == 4;
      CHECK_UNARY((exact(i, j) != exact(i, j)) == nan);
      CHECK_UNARY((ordered(i, j) != ordered(i, j)) == nan);
      CHECK_UNARY((fast(i, j) != fast(i, j)) == nan);
    }
  }
}

TEST_CASE("without beta what the output held is not read, NaN included") {
  auto const a = random_operand<plain>(2, 16, 1), b = random_operand<plain>(3, 16, 2);
  matrix<float> out(2, 3), again(2, 3);
  for (float& value : out.values) {
    value = std::bit_cast<float>(oracle::quiet_nan_bits);
  }
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, out.view());
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, again.view());
  CHECK(bits(out(1, 2)) == bits(again(1, 2)));
}

TEST_CASE("bf16 outputs are the float outputs rounded once, 128x4 scales and transposes equal plain") {
  auto const a = random_operand<plain>(20, 100, 3), b = random_operand<plain>(30, 100, 4);
  quantized_by<plain, scale_tile_128x4> tiled(shape_for<plain, scale_tile_128x4>(20, 100));
  for (matrix_index i = 0; i < 20; ++i) {
    for (matrix_index j = 0; j < 100; ++j) {
      tiled.view().codes(i, j) = static_cast<fp4_e2m1>(a.view().codes(i, j));
    }
    for (matrix_index block = 0; block < 7; ++block) {
      tiled.view().scales(i, block) = a.view().scales(i, block);
    }
  }
  tiled.view().amax(0, 0) = a.amax()[0];
  matrix<float> out(20, 30), by_tiles(20, 30), turned(30, 20);
  matrix<bf16> narrow(20, 30);
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, out.view());
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, narrow.view());
  matmul<product::exact>(tiled.view(), plain{}, b.view(), plain{}, by_tiles.view());
  matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, transposed(turned.view()));
  int wrong = 0;
  for (matrix_index i = 0; i < 20; ++i) {
    for (matrix_index j = 0; j < 30; ++j) {
      auto const number = oracle::from_binary32(bits(out(i, j)));
      wrong += narrow(i, j).bits() == oracle::table_of(oracle::bf16).convert(number) &&
                       bits(out(i, j)) == bits(by_tiles(i, j)) && bits(out(i, j)) == bits(turned(j, i))
                   ? 0
                   : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("ordered products equal the plain loop for every family of formats") {
  CHECK(ordered_mismatches<plain>() == 0);
  CHECK(ordered_mismatches<under<tensor_scale::per_row<>>>() == 0);
  CHECK(ordered_mismatches<under<tensor_scale::per_block_128<>>>() == 0);
  CHECK(ordered_mismatches<quantizer<mxfp4_block, scaling::power_of_two<>>>() == 0);
  CHECK(ordered_mismatches<quantizer<mxfp8_block, scaling::power_of_two<>>>() == 0);
  CHECK(ordered_mismatches<
            quantizer<block<fp4_e2m1, ue5m3, 16>, scaling::amax<scaling::tile::row, tensor_scale::none>>>() == 0);
  CHECK(ordered_mismatches<
            quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>>() == 0);
}

// bugs: D20
TEST_CASE("no mode depends on the number of threads, and operands are left as they were") {
  auto const a = random_operand<plain>(150, 200, 5), b = random_operand<plain>(70, 200, 6);
  auto const codes = a.code_bytes();
  auto const check = [&]<product Mode>() {
    matrix<float> one(150, 70);
    matmul<Mode>(a.view(), plain{}, b.view(), plain{}, one.view(), {}, threads{1});
    for (int const count : {2, 3, 7}) {
      matrix<float> many(150, 70);
      matmul<Mode>(a.view(), plain{}, b.view(), plain{}, many.view(), {}, threads{count});
      CHECK(one.values == many.values);
    }
  };
  check.operator()<product::exact>();
  check.operator()<product::ordered>();
  check.operator()<product::fast>();
  CHECK(a.code_bytes() == codes);
}

TEST_CASE("fast equals exact where floats can hold every sum, and is close elsewhere") {
  // Scales of 1 and integers: sums below 2^24 are exact in any order.
  auto a = random_operand<plain>(30, 500, 7, 2688.0f), b = random_operand<plain>(20, 500, 8, 2688.0f);
  auto const all_ones = [](auto const& view) {
    for (matrix_index i = 0; i < view.rows(); ++i) {
      for (matrix_index block = 0; block < view.scales.extent(1); ++block) {
        view.scales(i, block) = fp8_e4m3(static_cast<float>(1 << (i + block) % 3));
      }
    }
  };
  auto const compare = [&] {
    matrix<float> exact(30, 20), fast(30, 20);
    matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, exact.view());
    matmul<product::fast>(a.view(), plain{}, b.view(), plain{}, fast.view());
    double error = 0, size = 0;
    for (std::size_t i = 0; i != 600; ++i) {
      error = std::max(error, std::fabs(static_cast<double>(fast.values[i] - exact.values[i])));
      size = std::max(size, std::fabs(static_cast<double>(exact.values[i])));
    }
    return error / size;
  };
  double const rounded = compare();
  MESSAGE("fast against exact, largest error over largest element: ", rounded);
  CHECK(rounded < 1e-5);
  CHECK(rounded > 0);
  all_ones(a.view());
  all_ones(b.view());
  CHECK(compare() == 0);
}

TEST_CASE("operands with one transform multiply in its domain") {
  using rotated = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                            transform::random_hadamard<16, bf16>>;
  auto const x = filled(5, 40, 1), w = filled(6, 40, 2);
  auto const a = quantized(x.view(), rotated{}), b = quantized(w.view(), rotated{});
  matrix<float> out(5, 6);
  matmul<product::exact>(a.view(), rotated{}, b.view(), rotated{}, out.view());
  int wrong = 0;
  for (matrix_index i = 0; i < 5; ++i) {
    for (matrix_index j = 0; j < 6; ++j) {
      std::uint32_t const alpha =
          oracle::alpha_of(oracle::one_bits, bits(b.amax()[0]), bits(a.amax()[0]));
      wrong += bits(out(i, j)) == oracle::ieee::multiply(alpha, exact_sum(a.view(), b.view(), i, j)) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("shapes that do not fit, sums that are too long and other environments are refused") {
  auto const a = random_operand<plain>(2, 32, 1), b = random_operand<plain>(3, 16, 2);
  auto const c = random_operand<plain>(3, 32, 2);
  matrix<float> out(2, 3), wrong_out(3, 2);
  auto const message = "nibble::matmul: got A 2 x 32, B 3 x 16, out 2 x 3; need M x K, N x K and M x N";
  CHECK_THROWS_WITH_AS(matmul<product::exact>(a.view(), plain{}, b.view(), plain{}, out.view()), message,
                       std::invalid_argument);
  CHECK_THROWS_AS(matmul<product::fast>(a.view(), plain{}, c.view(), plain{}, wrong_out.view()),
                  std::invalid_argument);
  auto const wide = random_operand<plain>(1, (1 << 20) + 1, 1);
  matrix<float> one(1, 1);
  CHECK_THROWS_AS(matmul<product::exact>(wide.view(), plain{}, wide.view(), plain{}, one.view()),
                  std::invalid_argument);
  CHECK(one(0, 0) == 0.0f);
  std::fesetround(FE_TOWARDZERO);
  CHECK_THROWS_AS(matmul<product::ordered>(a.view(), plain{}, c.view(), plain{}, out.view()),
                  std::runtime_error);
  std::fesetround(FE_TONEAREST);
}
