// SPDX-License-Identifier: Apache-2.0
// What is found of an output before the launch: where codes begin, and whether scales may be written wide.
#include <doctest/doctest.h>

#include <nibble/device/tile_output.cuh>
#include <nibble/nibble.hpp>

using namespace nibble;
namespace kernels = device::detail;

namespace {

template <class Layout>
bool is_wide(quantized_shape<nvfp4_block, Layout> const& shape, std::ptrdiff_t shift = 0) {
  alignas(16) static std::uint8_t codes[0x10000];
  alignas(16) static fp8_e4m3 scales[0x4000];
  static float amax[1];
  auto const view = *make_quantized_view<nvfp4_block, Layout>(
      cuda::std::span<std::uint8_t>(codes), cuda::std::span<fp8_e4m3>(scales + shift, 0x3FF0),
      cuda::std::span<float>(amax), shape);
  auto const target = kernels::code_target_of(view);
  CHECK(target.first == codes);
  CHECK(target.pitch == shape.pitch() / 2);
  CHECK(target.columns == static_cast<std::uint64_t>(shape.columns));
  return kernels::scale_target_of(view).is_wide;
}

}  // namespace

TEST_CASE(
    "scales are written wide where each row has its own, whole groups of 8 of them, aligned") {
  using plain = cuda::std::layout_right;
  using tiled = layout::scale_tile_128x4;
  using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
  CHECK(is_wide(shape_for<quantizer<>, plain>(128, 256)));
  CHECK(!is_wide(shape_for<quantizer<>, plain>(128, 256), 8));
  CHECK(!is_wide(shape_for<quantizer<>, plain>(128, 144)));
  CHECK(!is_wide(shape_for<square, plain>(128, 256, true)));
  CHECK(is_wide(shape_for<quantizer<>, tiled>(128, 144)));
  CHECK(!is_wide(shape_for<quantizer<>, tiled>(128, 144), 1));
}
