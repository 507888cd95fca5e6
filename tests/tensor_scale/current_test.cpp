// SPDX-License-Identifier: Apache-2.0
// S_enc and S_dec of published amaxes at compile time, of a million others against the oracle.
#include <nibble/tensor_scale/current.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

#include "oracle/golden_blocks.hpp"
#include "support/block_witness.hpp"
#include "support/everywhere.hpp"

using namespace nibble;
using tensor_scale::current;

namespace {

constexpr bool has_scales(std::uint32_t amax, std::uint32_t encode, std::uint32_t decode) {
  auto const f = current<>::from<fp4_e2m1>({detail::float_from_bits(amax)});
  return detail::float_bits(f.encode) == encode && detail::float_bits(f.decode) == decode;
}
static_assert(has_scales(0x00000000, 0x3F800000, 0x3F800000));  // 0
static_assert(has_scales(0x00000001, 0x7F7FFFFF, 0x00200000));  // 1e-45
static_assert(has_scales(0x006CE3EE, 0x7F7FFFFF, 0x00200000));  // 1e-38
static_assert(has_scales(0x3F800000, 0x45280000, 0x39C30C31));  // 1
static_assert(has_scales(0x43E00000, 0x40C00000, 0x3E2AAAAB));  // 448
static_assert(has_scales(0x477FE000, 0x3D281503, 0x41C2F3CF));  // 65504
static_assert(has_scales(0x7F7F0000, 0x0528A8A9, 0x79C24924));  // the largest bf16
static_assert(has_scales(0x7F800000, 0x3F800000, 0x3F800000));  // infinity
static_assert(has_scales(0x7FC00000, 0x7F7FFFFF, 0x00200000));  // NaN
static_assert(current<>::range<fp4_e2m1> == 2688.0f && current<256>::range<fp4_e2m1> == 1536.0f);
static_assert(detail::float_bits(current<>::decode<fp4_e2m1>(1, {1, 0, 0})) == 0x39C30C31);
static_assert(detail::float_bits(current<256>::decode<fp4_e2m1>(1, {1, 0, 0})) == 0x3A2AAAAB);

template <int Bound>
std::uint64_t mismatches() {
  // Every 4001st positive pattern: all exponents, all kinds of mantissas, NaN among them.
  constexpr std::uint64_t count = 0x80000000U / 4001;
  return everywhere::host_sweep(count, [](std::uint64_t i) {
    auto const bits = static_cast<std::uint32_t>(i * 4001);
    auto const expected = oracle::scales_of(bits, std::uint32_t{Bound});
    auto const made = current<Bound>::template from<fp4_e2m1>(witness::amax(bits));
    auto const scale = static_cast<std::uint32_t>(i % 127);
    float const decoded =
        current<Bound>::template decode<fp4_e2m1>(static_cast<float>(fp8_e4m3::from_bits(scale)), made);
    return detail::float_bits(made.encode) == expected.encode &&
           detail::float_bits(made.decode) == expected.decode &&
           oracle::same(detail::float_bits(decoded),
                        oracle::decode_factor(oracle::quick_e4m3().decode(scale), bits, std::uint32_t{Bound}));
  });
}

}  // namespace

TEST_CASE("the Python model's tensor scales come out") {
  for (golden::tensor_scale const& row : golden::tensor_scales) {
    CAPTURE(row.amax);
    CHECK(has_scales(row.amax, row.encode, row.decode));
  }
}

// bugs: A7
TEST_CASE("half a million amaxes have the oracle's scales and decode factors under either bound") {
  CHECK(mismatches<448>() == 0);
  CHECK(mismatches<256>() == 0);
}

// bugs: A19
TEST_CASE("the block that holds the amax gets the bound for its scale") {
  for (float const amax : {1.0f, 7.5f, 6.0f, 0.375f, 3e4f, 1e-30f, 1e30f}) {
    auto const scale_under = [&]<int Bound>(current<Bound>) {
      float const values[16] = {amax};
      using q = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, current<Bound>>>;
      return static_cast<float>(q{}(values, tensor_amax{amax}).scale);
    };
    CHECK(scale_under(current<448>{}) == 448.0f);
    CHECK(scale_under(current<256>{}) == 256.0f);
  }
}
