// SPDX-License-Identifier: Apache-2.0
// What a layer keeps: codes, and floats only for what a recipe does beside quantizing.
#include <doctest/doctest.h>

#include <nibble/device/layer_memory.cuh>
#include <nibble/recipes/averis.hpp>

using namespace nibble;

namespace {

struct masked : recipes::nvfp4 {
  struct x_gradient {
    static constexpr bool passes_all = false;
  };
};

template <class Recipe>
std::size_t kept(device::linear_shape s) {
  device::detail::arena memory;
  device::detail::kept_operands<Recipe, product::exact> const counted(memory, s);
  return memory.used();
}
template <class Recipe>
std::size_t worked_in(device::linear_shape s) {
  device::detail::arena memory;
  device::detail::forward_operands<Recipe, product::exact> const counted(memory, s);
  return memory.used();
}

}  // namespace

TEST_CASE(
    "a recipe that only quantizes keeps four and a half bits an element, others say what floats") {
  device::linear_shape const s{512, 1024, 2048};
  std::size_t const x = 512 * 1024, w = 2048 * 1024;
  CHECK(kept<recipes::nvfp4>(s) ==
        (x + w) * 9 / 16 + 2 * 256);  // an amax each, on its own boundary
  CHECK(kept<recipes::averis>(s) == kept<recipes::nvfp4>(s) + (w + 1024) * 4);
  CHECK(kept<masked>(s) == kept<recipes::nvfp4>(s) + x * 4);
  CHECK(worked_in<recipes::averis>(s) == worked_in<recipes::nvfp4>(s) + (x + 1024 + 2048) * 4);
}
