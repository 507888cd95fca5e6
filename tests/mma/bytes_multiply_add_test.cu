// SPDX-License-Identifier: Apache-2.0
// The atom m16n8k32 on a device against the model: bit for bit where sums fit 24 bits, near it
// elsewhere, and its fragments as the view has them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <nibble/mma/bytes_model.hpp>
#include <nibble/mma/bytes_multiply_add.cuh>
#include <nibble/mma/load.cuh>
#include <nibble/part.hpp>
#include <nibble/quantizer.hpp>
#include <nibble/scaling/power_of_two.hpp>

#include "mma/loaded.cuh"
#include "mma/warp_products.cuh"

namespace {

using namespace nibble;
using fixture::differences, fixture::fill_scales, fixture::outcome, fixture::warp_bytes;

template <class A, class B, class Select = mma::selector<>>
struct atom {
  using selector = Select;
  __device__ static void multiply_add(mma::sum_fragment& d, mma::a_fragment const& a, mma::b_fragment const& b) {
    mma::multiply_add_bytes<A, B, Select>(d, a, b);
  }
  static void model(fixture::warp_fragments& warp) { mma::model_bytes<A, B, Select>(warp.d, warp.a, warp.b); }
};

template <class A, class B, class Select = mma::selector<>>
outcome run(std::vector<warp_bytes> const& cases) {
  return fixture::products<atom<A, B, Select>>(cases);
}

template <class Block>
std::uint8_t byte_for(std::uint32_t code) {
  using element = typename Block::element_type;
  return static_cast<std::uint8_t>(mma::byte_of<element>::from(element::from_bits(code)));
}

/// Finite elements of either sign with magnitudes up to code `highest`, and scales up to `most`.
template <class A, class B>
std::vector<warp_bytes> random_cases(std::uint32_t highest_a, std::uint32_t highest_b, unsigned least, unsigned most) {
  std::vector<warp_bytes> cases(128);
  std::uint64_t seed = 0;
  for (auto& m : cases) {
    oracle::bit_source random(++seed);
    auto const fill = [&](auto& rows, auto block, std::uint32_t highest) {
      using of = decltype(block);
      for (auto& row : rows) {
        for (auto& byte : row) {
          byte = byte_for<of>(static_cast<std::uint32_t>(random.below(highest + 1)) |
                              (random.below(2) != 0 ? of::element_type::format.sign_mask() : 0u));
        }
      }
    };
    fill(m.a, A{}, highest_a);
    fill(m.b, B{}, highest_b);
    for (auto& row : m.scale_a) for (auto& byte : row) byte = static_cast<std::uint8_t>(least + random.below(most - least + 1));
    for (auto& row : m.scale_b) for (auto& byte : row) byte = static_cast<std::uint8_t>(least + random.below(most - least + 1));
    for (auto& row : m.d) for (auto& value : row) value = static_cast<float>(random.below(4096));
  }
  return cases;
}

template <class Block>
constexpr bool is_fp8 = Block::element_type::format.width() == 8;
template <class Block>
constexpr std::uint32_t highest = Block::element_type::format.max_code();

template <class A, class B>
int far_off(std::vector<warp_bytes> const& cases, outcome const& o) {
  return fixture::far_off<atom<A, B>>(cases, o, byte_for<A>(A::element_type::format.magnitude_mask()),
                                      byte_for<B>(B::element_type::format.magnitude_mask()));
}

/// Any finite elements: near the model, and it bit for bit where no element is FP8.
template <class A, class B>
void check_any() {
  auto const cases = random_cases<A, B>(highest<A>, highest<B>, 120, 134);
  auto const o = run<A, B>(cases);
  CHECK(far_off<A, B>(cases, o) == 0);
  if (o.is_emulated && !is_fp8<A> && !is_fp8<B>) CHECK(differences(o) == 0);
  // Small magnitudes: products of subnormals and of the least normal numbers, which fit 24 bits.
  auto const fitting = random_cases<A, B>(is_fp8<A> ? 0x1Fu : highest<A>, is_fp8<B> ? 0x0Fu : highest<B>, 127, 127);
  std::vector<warp_bytes> from_zero = fitting;
  for (auto& m : from_zero) std::memset(m.d, 0, sizeof(m.d));
  CHECK(differences(run<A, B>(from_zero)) == 0);
}

template <class A>
void check_against_all() {
  check_any<A, mxfp8_block>();
  check_any<A, mxfp8_e5m2_block>();
  check_any<A, mxfp6_e2m3_block>();
  check_any<A, mxfp6_e3m2_block>();
  check_any<A, mxfp4_block>();
}

/// One element against one, in every row, k and column.
template <class A, class B>
int wrong_positions() {
  std::vector<warp_bytes> cases;
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 32; ++k) {
      for (int column = 0; column < 8; ++column) {
        warp_bytes m;
        m.a[row][k] = byte_for<A>(highest<A>);
        m.b[column][k] = byte_for<B>(highest<B> | B::element_type::format.sign_mask());
        fill_scales(m, 127);
        cases.push_back(m);
      }
    }
  }
  return differences(run<A, B>(cases));
}

using mx8 = quantizer<mxfp8_block, scaling::power_of_two<>>;
using mx6 = quantizer<mxfp6_e3m2_block, scaling::power_of_two<>>;
using mx4 = quantizer<mxfp4_block, scaling::power_of_two<>>;

/// Loads at (row, column) and compares with the view, element by element; counts differences.
template <class View>
__global__ void compare(View view, matrix_index row, matrix_index column, int* different) {
  using element = typename View::block_type::element_type;
  auto const code = [&](matrix_index r, matrix_index c) { return mma::byte_of<element>::from(element(view.codes(r, c))); };
  atomicAdd(different, fixture::wrong_in_lane<8>(mma::load_a<8>(view, row, column),
                                                 mma::load_b<8>(view, row, column), view, row, column, code));
}

template <class Quantizer, class ScaleLayout>
int wrong_loads(matrix_index rows, matrix_index columns) {
  auto const shape = shape_for<Quantizer, ScaleLayout>(rows, columns);
  fixture::device_matrix<Quantizer, ScaleLayout> m(shape);
  std::vector<std::uint8_t> scales(m.scale_bytes.size());
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(i * 37 % 251);
  fixture::transfer(scales.begin(), scales.end(), m.scale_bytes.begin());
  // Codes through a view of the host, so that those past the last column are zeros.
  quantized_matrix<typename Quantizer::block_type, ScaleLayout> host(shape);
  auto const to = host.view();
  using element = typename Quantizer::block_type::element_type;
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index j = 0; j < columns; ++j) to.codes(i, j) = element::from_bits((i * 41 + j * 7) % 256 & element::format.mask());
  }
  fixture::transfer(host.code_bytes().begin(), host.code_bytes().end(), m.codes.begin());
  fixture::device_vector<int> different(1, 0);
  for (matrix_index row = 0; row < rows; row += 16) {
    for (matrix_index column = 0; column < columns; column += 32) {
      compare<<<1, 32>>>(m.view(), row, column, different.data());
    }
  }
  auto const inner = part(m.view(), 3, 32, rows - 4, columns - 32);
  REQUIRE(inner.has_value());
  compare<<<1, 32>>>(*inner, 0, 0, different.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return different[0];
}

}  // namespace

TEST_CASE("one element against one, for every row, k and column, in like and unlike formats") {
  if (!fixture::has_device()) return;
  CHECK(wrong_positions<mxfp8_block, mxfp8_block>() == 0);
  CHECK(wrong_positions<mxfp8_e5m2_block, mxfp6_e2m3_block>() == 0);
  CHECK(wrong_positions<mxfp6_e3m2_block, mxfp4_block>() == 0);
  CHECK(wrong_positions<mxfp4_block, mxfp8_e5m2_block>() == 0);
}

TEST_CASE("one scale unlike the others, in every row, column, lane and byte") {
  if (!fixture::has_device()) return;
  std::vector<warp_bytes> cases;
  for (int outer = 0; outer < 24; ++outer) {
    for (int byte = 0; byte < 4; ++byte) {
      warp_bytes m;
      std::memset(m.a, 0x38, sizeof(m.a));
      std::memset(m.b, 0x30, sizeof(m.b));
      fill_scales(m, 127);
      (outer < 16 ? m.scale_a[outer] : m.scale_b[outer - 16])[byte] = 131;
      cases.push_back(m);
    }
  }
  using e4m3 = mxfp8_block;
  CHECK(differences(run<e4m3, e4m3>(cases)) == 0);
  CHECK(differences(run<e4m3, e4m3, mma::selector<1, 0, 1, 0>>(cases)) == 0);
  CHECK(differences(run<e4m3, e4m3, mma::selector<0, 1, 2, 3>>(cases)) == 0);
  CHECK(differences(run<e4m3, e4m3, mma::selector<1, 2, 3, 1>>(cases)) == 0);
  CHECK(differences(run<e4m3, e4m3, mma::selector<0, 3, 0, 2>>(cases)) == 0);
}

TEST_CASE("every format by every format: the model where sums fit, near it for any elements") {
  if (!fixture::has_device()) return;
  check_against_all<mxfp8_block>();
  check_against_all<mxfp8_e5m2_block>();
  check_against_all<mxfp6_e2m3_block>();
  check_against_all<mxfp6_e3m2_block>();
  check_against_all<mxfp4_block>();
}

TEST_CASE("extremes of bytes: every scale, NaN, infinities, and accumulators at the ends of the range") {
  if (!fixture::has_device()) return;
  auto cases = random_cases<mxfp6_e2m3_block, mxfp6_e3m2_block>(31, 31, 0, 255);
  for (auto& m : cases) {
    for (int row = 0; row < 16; ++row) m.d[row][row % 8] = row % 3 == 0 ? 0x1p-149f : row % 3 == 1 ? -3e38f : INFINITY;
  }
  auto const o = run<mxfp6_e2m3_block, mxfp6_e3m2_block>(cases);
  if (o.is_emulated) CHECK(differences(o) == 0);
  // e5m2 with two bits each fits 24 bits, but for NaN and infinities.
  std::vector<warp_bytes> special(64);
  std::uint64_t seed = 0;
  for (auto& m : special) {
    oracle::bit_source random(++seed);
    for (auto& row : m.a) for (auto& byte : row) byte = static_cast<std::uint8_t>(0x3C + random.below(4));
    for (auto& row : m.b) for (auto& byte : row) byte = static_cast<std::uint8_t>(0xBC + random.below(4));
    for (int i = 0; i < 6; ++i) m.a[random.below(16)][random.below(32)] = static_cast<std::uint8_t>((random.below(2) << 7) + 0x7B + random.below(3));
    m.b[random.below(8)][random.below(32)] = 0;
    fill_scales(m, static_cast<std::uint8_t>(random.below(255)));
    for (int row = 0; row < 16; ++row) m.d[row][row % 8] = row % 2 == 0 ? INFINITY : -INFINITY;
  }
  auto const of_special = run<mxfp8_e5m2_block, mxfp8_e5m2_block>(special);
  if (of_special.is_emulated) CHECK(differences(of_special) == 0);
}

TEST_CASE("fragments of bytes are the view's elements, zeros beyond the edges, and of parts") {
  if (!fixture::has_device()) return;
  using plain = cuda::std::layout_right;
  using tiled = layout::scale_tile_128x4;
  for (matrix_index const rows : {32, 37}) {
    for (matrix_index const columns : {128, 200}) {
      CHECK(wrong_loads<mx8, plain>(rows, columns) == 0);
      CHECK(wrong_loads<mx8, tiled>(rows, columns) == 0);
      CHECK(wrong_loads<mx6, plain>(rows, columns) == 0);
      CHECK(wrong_loads<mx6, tiled>(rows, columns) == 0);
      CHECK(wrong_loads<mx4, plain>(rows, columns) == 0);
    }
  }
}
