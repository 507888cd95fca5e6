// SPDX-License-Identifier: Apache-2.0
// The instructions on a real device: known answers that a swapped operand, a flushed subnormal or a
// fused product would miss. What they compile to is ptx_test.py's; all inputs are device_sweep's.
#include <doctest/doctest.h>

#include <cstdio>
#include <nibble/arch/ptx.cuh>
#include <nibble/detail/bits.hpp>

#include "support/everywhere.hpp"

namespace {

namespace ptx = nibble::arch::ptx;
using nibble::detail::float_bits;
using nibble::detail::float_from_bits;

constexpr float not_a_number = __builtin_nanf("");
constexpr float infinity = __builtin_inff();

struct exact_arithmetic {
  __device__ bool operator()(std::uint64_t which) const {
    float const odd = 1.0f + 0x1p-12f;  // its square is 1 + 2^-11 + 2^-24: a tie
    switch (which) {
      case 0:
        return ptx::mul_rn_f32(0x1p-126f, 0.5f) == float_from_bits(0x0040'0000u);
      case 1:
        return float_bits(ptx::mul_rn_f32(-0x1p-149f, 0.5f)) == 0x8000'0000u;
      case 2:
        return ptx::mul_rn_f32(0x1p127f, 2.0f) == infinity;
      case 3:
        return float_bits(ptx::add_rn_f32(0x1p-149f, 0x1p-149f)) == 2u;
      case 4:
        return ptx::add_rn_f32(1.0f, 0x1p-24f) == 1.0f;
      case 5:
        return ptx::add_rn_f32(1.0f, 0x1.000002p-24f) == 1.0f + 0x1p-23f;
      case 6:
        return float_bits(ptx::sub_rn_f32(0x1p-126f, 0x1p-149f)) == 0x007F'FFFFu;
      case 7:
        return ptx::sub_rn_f32(3.0f, 5.0f) == -2.0f;
      case 8:
        return float_bits(ptx::div_rn_f32(1.0f, 3.0f)) == 0x3EAA'AAABu;
      case 9:
        return float_bits(ptx::div_rn_f32(0x1p-126f, 4.0f)) == 0x0020'0000u;
      case 10:
        return ptx::div_rn_f32(0x1p-149f, 0x1p-149f) == 1.0f;
      case 11:
        return float_bits(ptx::div_rn_f32(-1.0f, infinity)) == 0x8000'0000u;
      case 12:
        return ptx::add_rn_f32(ptx::mul_rn_f32(odd, odd), -(1.0f + 0x1p-11f)) == 0.0f;
      case 13:
        return ptx::fma_rn_f32(odd, odd, -(1.0f + 0x1p-11f)) == 0x1p-24f;
      case 14:
        return ptx::setp_lt_f32(0.0f, 0x1p-149f) && !ptx::setp_lt_f32(0x1p-149f, 0x1p-149f);
      case 15:
        return !ptx::setp_lt_f32(not_a_number, 1.0f) && !ptx::setp_lt_f32(1.0f, not_a_number);
      case 16:
        return ptx::setp_eq_f32(-0.0f, 0.0f) && !ptx::setp_eq_f32(0.0f, 0x1p-149f);
      case 17:
        return !ptx::setp_eq_f32(not_a_number, not_a_number);
      case 18:
        return ptx::xor_b32(float_bits(0x1p-149f), 0x8000'0000u) == 0x8000'0001u;
      case 19:
        return ptx::prmt_b32(0x3322'1100u, 0x7766'55C4u, 0x7052) == 0x7700'5522u &&
               ptx::prmt_b32(0x3322'1100u, 0x7766'55C4u, 0x8C1F) == 0x00FF'1100u;
      default:
        return false;
    }
  }
};
constexpr std::uint64_t arithmetic_cases = 20;

struct converts_e4m3 {
  __device__ bool operator()(std::uint64_t) const { return NIBBLE_HAS_CVT_E4M3 != 0; }
};
struct converts_e2m1 {
  __device__ bool operator()(std::uint64_t) const { return NIBBLE_HAS_CVT_E2M1 != 0; }
};
struct converts_stochastically {
  __device__ bool operator()(std::uint64_t) const { return NIBBLE_HAS_CVT_RS_E2M1 != 0; }
};

struct e4m3_answers {
  __device__ bool operator()([[maybe_unused]] std::uint64_t which) const {
#if NIBBLE_HAS_CVT_E4M3
    switch (which) {
      case 0:
        return ptx::cvt_rn_satfinite_e4m3x2_f32(1.0f, -2.0f) == 0xC038u;
      case 1:
        return ptx::cvt_rn_satfinite_e4m3x2_f32(464.0f, -infinity) == 0xFE7Eu;
      case 2:
        return ptx::cvt_rn_satfinite_e4m3x2_f32(-not_a_number, 0x1p-10f) == 0x007Fu;
      case 3:
        return ptx::cvt_rn_f16x2_e4m3x2(0xC038u) == 0xC000'3C00u;
      case 4:
        return ptx::cvt_rn_satfinite_e5m2x2_f32(1.0f, -2.0f) == 0xC03Cu;
      case 5:
        return ptx::cvt_rn_f16x2_e5m2x2(0xC03Cu) == 0xC000'3C00u;
    }
#endif
    return false;
  }
};
constexpr std::uint64_t e4m3_cases = 6;

struct e2m1_answers {
  __device__ bool operator()([[maybe_unused]] std::uint64_t which) const {
#if NIBBLE_HAS_CVT_E2M1
    switch (which) {
      case 0: {
        float const values[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
        return ptx::cvt_rn_satfinite_e2m1x8_f32(values) == 0x7654'3210u;
      }
      case 1: {
        float const values[8] = {-0.0f,        -0.25f,        5.0f, -infinity,
                                 not_a_number, -not_a_number, 2.5f, 9.0f};
        return ptx::cvt_rn_satfinite_e2m1x8_f32(values) == 0x7477'F688u;
      }
      case 2: {
        unsigned int halves[4];
        ptx::cvt_rn_f16x2_e2m1x2(0x7654'3218u, halves);
        return halves[0] == 0x3800'8000u && halves[1] == 0x3E00'3C00u &&
               halves[2] == 0x4200'4000u && halves[3] == 0x4600'4400u;
      }
      case 3:
        return ptx::cvt_rn_satfinite_e2m3x2_f32(1.0f, -7.5f) == 0x3F08u;
      case 4:
        return ptx::cvt_rn_f16x2_e2m3x2(0x3F08u) == 0xC780'3C00u;
      case 5:
        return ptx::cvt_rn_satfinite_e3m2x2_f32(1.0f, -28.0f) == 0x3F0Cu;
      case 6:
        return ptx::cvt_rn_f16x2_e3m2x2(0x3F0Cu) == 0xCF00'3C00u;
      case 7:
        return ptx::cvt_rp_satfinite_ue8m0x2_f32(1.0f, 1.5f) == 0x807Fu;
      case 8:
        return ptx::cvt_rz_satfinite_ue8m0x2_f32(1.5f, 3.0f) == 0x807Fu;
      case 9:
        return ptx::cvt_rn_bf16x2_ue8m0x2(0x8000u) == 0x4000'0040u;
    }
#endif
    return false;
  }
};
constexpr std::uint64_t e2m1_cases = 10;

struct exact_values_stay {
  __device__ bool operator()([[maybe_unused]] std::uint64_t random) const {
#if NIBBLE_HAS_CVT_RS_E2M1
    float const values[4] = {0.5f, -1.0f, 3.0f, 6.0f};
    auto const word = static_cast<unsigned int>(random * 0x0101'0101u);
    return ptx::cvt_rs_satfinite_e2m1x4_f32(values, word) == 0x75A1u;
#else
    return false;
#endif
  }
};

/// Does the device meet `ability`? Where it does not, the case says so and counts as skipped.
template <class Ability>
bool device_can(Ability ability, char const* what) {
  if (!everywhere::has_device())
    return false;
  if (everywhere::sweep(1, ability) == 0)
    return true;
  std::printf("no CUDA device that %s\n", what);
  return false;
}

}  // namespace

TEST_CASE("arithmetic rounds once, to nearest even, and keeps subnormals") {
  CHECK(everywhere::sweep(arithmetic_cases, exact_arithmetic{}) == 0);
}

TEST_CASE("the 8-bit conversions put the first operand in the low byte") {
  if (!device_can(converts_e4m3{}, "converts to e4m3"))
    return;
  CHECK(everywhere::sweep(e4m3_cases, e4m3_answers{}) == 0);
}

TEST_CASE("the 4- and 6-bit conversions put the first operand in the low bits") {
  if (!device_can(converts_e2m1{}, "converts to e2m1"))
    return;
  CHECK(everywhere::sweep(e2m1_cases, e2m1_answers{}) == 0);
}

TEST_CASE("stochastic conversion never moves an exact value, whatever the random bits") {
  if (!device_can(converts_stochastically{}, "rounds stochastically"))
    return;
  CHECK(everywhere::sweep(256, exact_values_stay{}) == 0);
}
