// SPDX-License-Identifier: Apache-2.0
// Which mode the products of a layer take, and what they need.
#include <doctest/doctest.h>

#include <nibble/device/layer_product.cuh>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/nvfp4.hpp>
#include <nibble/recipes/tetrajet2.hpp>

namespace {

using namespace nibble;
namespace parts = device::detail;
using rows = quantizer<>;
using by_block = recipes::tetrajet2_parts::forward;

static_assert(parts::mode_for<product::exact, rows, rows>() == product::exact);
static_assert(parts::mode_for<product::exact, by_block, by_block>() == product::ordered);
static_assert(
    parts::mode_for<product::exact, recipes::fp8_parts::rows, recipes::fp8_parts::rows>() ==
    product::ordered);
static_assert(parts::mode_for<product::fast, by_block, by_block>() == product::fast);

}  // namespace

TEST_CASE("a product takes memory for those operands alone that come as codes") {
  using dy = parts::layer_operand<recipes::nvfp4::dgrad_dy, product::fast, false>;
  parts::arena memory;
  dy const straight(memory, 64, 80, true), coded(memory, 64, 80, false);
  auto const used = [](dy const& a, dy const& b) {
    parts::arena around;
    parts::decoded_memory const counted(around, a, b, true);
    return around.used();
  };
  CHECK(used(coded, coded) == used(straight, coded) + 64 * 80 * 2);
  CHECK(used(coded, coded) == used(straight, straight) + 2 * 64 * 80 * 2);
}
