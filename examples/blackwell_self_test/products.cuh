// SPDX-License-Identifier: Apache-2.0
// The product of a warp beside its model: the instruction with block scales where there is one, its
// emulation elsewhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "check.cuh"
#include "nibble/mma/bytes_model.hpp"
#include "nibble/mma/bytes_multiply_add.cuh"
#include "nibble/mma/multiply_add.cuh"
#include "nibble/nibble.hpp"
#include "operands.cuh"

namespace self_test {

/// m16n8k64 and m16n8k32, on the device and as the host models them.
template <class Block, class Select = mma::selector<>>
struct atom_of_nibbles {
  __device__ static void multiply_add(mma::sum_fragment& d, mma::a_fragment const& a,
                                      mma::b_fragment const& b) {
    mma::multiply_add<Block, Select>(d, a, b);
  }
  static void model(warp_operands& w) { mma::model<Block, Select>(w.d, w.a, w.b); }
};
template <class A, class B, class Select = mma::selector<>>
struct atom_of_bytes {
  __device__ static void multiply_add(mma::sum_fragment& d, mma::a_fragment const& a,
                                      mma::b_fragment const& b) {
    mma::multiply_add_bytes<A, B, Select>(d, a, b);
  }
  static void model(warp_operands& w) { mma::model_bytes<A, B, Select>(w.d, w.a, w.b); }
};

template <class Atom>
__global__ void multiply_kernel(warp_operands* warps) {
  warp_operands& mine = warps[blockIdx.x];
  unsigned const lane = threadIdx.x;
  Atom::multiply_add(mine.d[lane], mine.a[lane], mine.b[lane]);
}

template <class Atom>
std::vector<warp_operands> multiplied(char const* name, std::vector<warp_operands> const& warps) {
  device_array<warp_operands> const there(warps);
  multiply_kernel<Atom><<<static_cast<unsigned>(warps.size()), 32>>>(there.data());
  return there.copied(name);
}

/// Calls visit(warp, lane, value) for every sum.
template <class Visit>
void for_each_sum(std::size_t warps, Visit const& visit) {
  for (std::size_t i = 0; i < warps; ++i) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int value = 0; value < 4; ++value) visit(i, lane, value);
    }
  }
}

/// The bits of every sum, NaN as one, beside the model's. Position: warp, lane, value.
template <class Atom>
void compare_sums(char const* name, std::vector<warp_operands> warps) {
  auto const got = multiplied<Atom>(name, warps);
  for (warp_operands& w : warps) Atom::model(w);
  outcome all{};
  for_each_sum(warps.size(), [&](std::size_t i, int lane, int value) {
    auto const bits = [&](warp_operands const& w) {
      return float_bits(nibble::detail::canonical(w.d[lane].values[value]));
    };
    all.add(bits(got[i]), bits(warps[i]));
  });
  print(name, all);
}

template <class A, class B, class Select = mma::selector<>>
void compare_bytes_product(char const* name) {
  using atom = atom_of_bytes<A, B, Select>;
  words word;
  std::vector<warp_operands> sums(256), products(512);
  for (warp_operands& w : sums) {
    for (int lane = 0; lane < 32; ++lane) {
      for (std::uint32_t& bytes : w.a[lane].words) bytes = small_elements<A>(word);
      for (std::uint32_t& bytes : w.b[lane].words) bytes = small_elements<B>(word);
    }
    draw_rest(w, word, e8m0_scales);
  }
  for (std::size_t i = 0; i < products.size(); ++i) {
    products[i] = {};
    fill_one<A>(products[i].a, &mma::a_fragment::words, i, word);
    fill_one<B>(products[i].b, &mma::b_fragment::words, i, word);
    for (int lane = 0; lane < 32; ++lane) {
      products[i].a[lane].scales = products[i].b[lane].scales = 0x7F7F'7F7Fu;
    }
  }
  compare_sums<atom>((std::string(name) + ", sums").c_str(), std::move(sums));
  compare_sums<atom>((std::string(name) + ", one product").c_str(), std::move(products));
}

/// Codes of 4 bits under scales of any size: sums need not equal the model's, but lie within 2^-19 of
/// the terms' magnitudes.
template <class Atom>
void compare_rounded_sums(char const* name, std::uint32_t least, std::uint32_t most) {
  std::vector<warp_operands> warps = any_nibbles(e8m0_scales, 1024);
  words word;
  for (warp_operands& w : warps) {
    for (int lane = 0; lane < 32; ++lane) {
      for (std::uint32_t* scales : {&w.a[lane].scales, &w.b[lane].scales}) {
        *scales = 0;
        for (int i = 0; i < 4; ++i) *scales |= (least + word() % (most - least + 1)) << (8 * i);
      }
    }
  }
  auto const got = multiplied<Atom>(name, warps);
  std::vector<warp_operands> bounds = warps;
  for (warp_operands& w : bounds) {
    for (int lane = 0; lane < 32; ++lane) {
      for (std::uint32_t& codes : w.a[lane].words) codes &= 0x7777'7777u;
      for (std::uint32_t& codes : w.b[lane].words) codes &= 0x7777'7777u;
    }
    Atom::model(w);
  }
  for (warp_operands& w : warps) Atom::model(w);
  outcome far{};
  double largest = 0;
  unsigned long long unlike = 0;
  for_each_sum(warps.size(), [&](std::size_t i, int lane, int value) {
    float const is = got[i].d[lane].values[value], need = warps[i].d[lane].values[value];
    double const error = std::fabs(static_cast<double>(is) - static_cast<double>(need)) /
                         static_cast<double>(bounds[i].d[lane].values[value]);
    far.add(float_bits(is), error <= 0x1p-19 ? float_bits(is) : float_bits(need));
    unlike += float_bits(is) != float_bits(need) ? 1 : 0;
    largest = std::max(largest, error);
  });
  print(name, far);
  std::printf("  %llu are not the model's own; the largest error is 2^%.1f of the terms\n", unlike,
              largest > 0 ? std::log2(largest) : -149.0);
}

/// A NaN scale in every row, column and block: NaN there, and nowhere else.
template <class Atom>
void compare_nan_scales(char const* name, scale_bytes const& of) {
  std::vector<warp_operands> warps = any_nibbles(of, 24 * 4);
  for (std::size_t i = 0; i < warps.size(); ++i) {
    std::size_t const outer = i / 4, shift = 8 * (i % 4);
    std::uint32_t& scales = outer < 16 ? warps[i].a[4 * (outer % 8) + outer / 8].scales
                                       : warps[i].b[4 * (outer - 16)].scales;
    scales = (scales & ~(0xFFu << shift)) | of.nan << shift;
  }
  compare_sums<Atom>(name, std::move(warps));
}

/// What the instruction makes of an e4m3 scale with its sign bit set, which no manual settles.
inline void report_signed_scales() {
  std::vector<warp_operands> warps = any_nibbles(e4m3_scales, 1);
  for (int lane = 0; lane < 32; ++lane) {
    warps[0].a[lane].scales |= 0x8080'8080u;
    for (float& sum : warps[0].d[lane].values) sum = 0;
  }
  using atom = atom_of_nibbles<nibble::nvfp4_block>;
  auto const got = multiplied<atom>("scales with a sign", warps);
  std::vector<warp_operands> without = warps;
  for (int lane = 0; lane < 32; ++lane) without[0].a[lane].scales &= 0x7F7F'7F7Fu;
  atom::model(without[0]);
  int ignored = 0, negated = 0;
  for_each_sum(1, [&](std::size_t, int lane, int value) {
    float const is = got[0].d[lane].values[value], plain = without[0].d[lane].values[value];
    ignored += is == plain ? 1 : 0;
    negated += is == -plain ? 1 : 0;
  });
  std::printf("  an e4m3 scale with its sign bit set: %s (%d of 128 sums as without, %d negated)\n",
              ignored == 128   ? "the bit is ignored"
              : negated == 128 ? "it negates"
                               : "neither ignored nor a sign",
              ignored, negated);
}

inline void compare_products() {
  using namespace nibble;
  print_heading("product of a warp and its model", "sums");
  compare_sums<atom_of_nibbles<nvfp4_block>>("m16n8k64, NVFP4", any_nibbles(e4m3_scales, 2048));
  compare_sums<atom_of_nibbles<nvfp4_block, mma::selector<1, 2>>>(
      "m16n8k64, NVFP4, scales of lanes 2 and 3, 2", any_nibbles(e4m3_scales, 256));
  compare_sums<atom_of_nibbles<mxfp4_block>>("m16n8k64, MXFP4", any_nibbles(e8m0_scales, 2048));
  compare_sums<atom_of_nibbles<mxfp4_block, mma::selector<1, 3, 2, 0>>>(
      "m16n8k64, MXFP4, scales of lanes 2 and 3, 3, byte 2", any_nibbles(e8m0_scales, 256));
  compare_bytes_product<mxfp8_block, mxfp8_block>("m16n8k32, e4m3");
  compare_bytes_product<mxfp8_e5m2_block, mxfp6_e2m3_block>("m16n8k32, e5m2 by e2m3");
  compare_bytes_product<mxfp6_e2m3_block, mxfp4_block, mma::selector<1, 2, 3, 1>>(
      "m16n8k32, e2m3 by e2m1, other lanes");
  compare_bytes_product<mxfp6_e3m2_block, mxfp8_e5m2_block>("m16n8k32, e3m2 by e5m2");
  compare_bytes_product<mxfp4_block, mxfp6_e3m2_block>("m16n8k32, e2m1 by e3m2");
  compare_nan_scales<atom_of_nibbles<nvfp4_block>>("m16n8k64, NVFP4, a NaN scale", e4m3_scales);
  compare_nan_scales<atom_of_nibbles<mxfp4_block>>("m16n8k64, MXFP4, a NaN scale", e8m0_scales);
  compare_rounded_sums<atom_of_nibbles<nvfp4_block>>("m16n8k64, NVFP4, within 2^-19", 1, 0x7E);
  compare_rounded_sums<atom_of_nibbles<mxfp4_block>>("m16n8k64, MXFP4, within 2^-19", 100, 154);
  report_signed_scales();
}

}  // namespace self_test
