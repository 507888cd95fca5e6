// SPDX-License-Identifier: Apache-2.0
// Which layout, mode and memory the operands of a layer get.
#include <doctest/doctest.h>

#include <nibble/device/layer_operand.cuh>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/nvfp4.hpp>
#include <nibble/recipes/tetrajet2.hpp>

namespace {

using namespace nibble;
namespace parts = device::detail;
using rows = quantizer<>;
using tiled = layout::scale_tile_128x4;
using plain = cuda::std::layout_right;

static_assert(std::is_same_v<parts::operand_layout<rows, product::fast>, tiled>);
static_assert(std::is_same_v<parts::operand_layout<rows, product::exact>, plain>);
static_assert(
    std::is_same_v<parts::operand_layout<recipes::fp8_parts::rows, product::fast>, plain>);

static_assert(parts::floats_for<recipes::nvfp4::dgrad_w>(100) == 0);
static_assert(parts::floats_for<recipes::tetrajet2::dgrad_w>(100) == 100);

}  // namespace

TEST_CASE("an operand takes the bytes of its codes, scales and amax, each on its boundary") {
  parts::arena codes, values;
  parts::layer_operand<recipes::nvfp4::fprop_x, product::exact> const coded(codes, 40, 70);
  CHECK(codes.used() == 1792 + 256 + 256);  // 40 rows of 40 bytes, of 5 scales, an amax
  CHECK(coded.view.rows() == 40);
  CHECK(coded.view.columns() == 70);
  parts::layer_operand<bf16_operand, product::exact> const plain_values(values, 40, 70);
  CHECK(values.used() == 6400);  // 40 rows of 80 bf16
  CHECK(plain_values.pitch == 80);
}

TEST_CASE(
    "only an operand whose codes nobody needs has room for values, and only where they are "
    "multiplied") {
  using dy = recipes::nvfp4::dgrad_dy;
  CHECK(!parts::layer_operand<dy, product::exact, false>::can_be_values);
  CHECK(!parts::layer_operand<dy, product::fast, true>::can_be_values);
  CHECK(!parts::layer_operand<recipes::fp8::dgrad_dy, product::fast, false>::can_be_values);
  parts::arena codes, values;
  parts::layer_operand<dy, product::fast, false> const native(codes, 64, 80, false),
      decoded(values, 64, 80, true);
  CHECK(values.used() == codes.used() + 64 * 80 * 2);
}
