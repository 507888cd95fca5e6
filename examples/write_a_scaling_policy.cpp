// SPDX-License-Identifier: Apache-2.0
// A scaling policy of one's own: the second largest magnitude of a block becomes 6, so that one
// outlier saturates instead of coarsening the other fifteen.
#include <nibble/nibble.hpp>

#include <cstdio>

using namespace nibble;

/// What scaling::policy asks for: the tile, the tensor scale, and a scale for the values of a tile.
struct second_largest {
  static constexpr scaling::tile shape = scaling::tile::row;
  using outer = tensor_scale::current<>;

  template <class Block, std::size_t Rows>
  NIBBLE_HD static constexpr auto choose(float const (&values)[Rows][std::size_t{Block::size}],
                                         tensor_scale::factors const& f) noexcept {
    float largest = 0, second = 0;
    for (float const value : values[0]) {
      float const size = value < 0 ? -value : value;
      second = size > largest ? largest : size > second ? size : second;
      largest = size > largest ? size : largest;
    }
    return scaling::amax<>::choose_for<Block>(second, f);
  }
};
static_assert(scaling::policy<second_largest, nvfp4_block>);

template <class Quantizer>
constexpr row<float, 16> restored(float const (&x)[16]) {
  Quantizer const q;
  return q.dequantize(q(x, tensor_amax{96}), tensor_amax{96});
}

int main() {
  constexpr float x[16] = {.1f, -.2f, .3f, .5f, -.75f, 1, -1.25f, 24, 1.5f, -.6f, .9f, -1, .4f};
  constexpr auto usual = restored<quantizer<>>(x);
  constexpr auto ours = restored<quantizer<nvfp4_block, second_largest>>(x);
  int better = 0;
  for (int i = 0; i < 16; ++i) {
    auto const error = [&](auto const& r) { return x[i] < r[i] ? r[i] - x[i] : x[i] - r[i]; };
    better += error(ours) < error(usual);
    if (i < 8) std::printf("%-6g %-6g %g\n", double(x[i]), double(usual[i]), double(ours[i]));
  }
  std::printf("%d of 16 values are nearer\n", better);
  return better > 8 && ours[7] < usual[7] ? 0 : 1;
}
// 0.1    0      0.125
// -0.2   -0     -0.25
// 0.3    0      0.25
// 0.5    0      0.5
// -0.75  -0     -0.75
// 1      0      1
// -1.25  -2     -1
// 24     24     1.5
// 12 of 16 values are nearer
