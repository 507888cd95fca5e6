// SPDX-License-Identifier: Apache-2.0
// Compiles the launchers for every architecture that the build names; the tests themselves are built for one.
#include <nibble/nibble.cuh>

namespace {

using namespace nibble;

template <class ScaleLayout, class T, class Quantizer>
void launch(cuda::stream_ref stream, matrix_view<T> const& in,
            quantized_view<typename Quantizer::block_type, ScaleLayout> const& out, Quantizer const& q) {
  (void)device::quantize(stream, in, out, q);
  (void)device::dequantize(stream, out, in, q);
}

}  // namespace

/// Never called: that it compiles for a target is the test.
void launch_every_kernel(cuda::stream_ref stream, matrix_view<bf16> const& in,
                         quantized_view<nvfp4_block> const& plain,
                         quantized_view<nvfp4_block, layout::scale_tile_128x4> const& tiled) {
  launch(stream, in, plain, quantizer<>{});
  launch(stream, in, plain, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  launch(stream, in, plain, quantizer{scaling::amax<>{}, rounding::stochastic<>{}});
  launch(stream, in, tiled,
         quantizer{scaling::amax<>{}, rounding::stochastic<>{}, transform::random_hadamard<16, bf16>{}});
  launch(stream, in, tiled, quantizer{scaling::four_over_six<>{}});
  (void)device::swizzle(stream, plain.scales, tiled.scales);
  (void)device::unswizzle(stream, tiled.scales, plain.scales);
  (void)device::requantize(stream, plain, quantizer<>{}, tiled, quantizer<>{});
}
