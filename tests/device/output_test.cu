// SPDX-License-Identifier: Apache-2.0
// What launchers ask of an output, checked without a GPU.
#include <doctest/doctest.h>

#include <nibble/device/output.cuh>
#include <nibble/nibble.hpp>

namespace {

using namespace nibble;
using device::status;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;

/// A view over memory that nobody reads.
template <class Quantizer, class ScaleLayout = cuda::std::layout_right>
struct made {
  std::vector<std::uint8_t> codes;
  std::vector<fp8_e4m3> scales;
  std::vector<float> amax;
  quantized_view<nvfp4_block, ScaleLayout> view;

  made(matrix_index rows, matrix_index columns, bool keep_tiles = false) {
    auto const shape = shape_for<Quantizer, ScaleLayout>(rows, columns, keep_tiles);
    codes.resize(static_cast<std::size_t>(shape.code_bytes()) + 1);
    scales.resize(static_cast<std::size_t>(shape.scale_count()));
    amax.resize(static_cast<std::size_t>(shape.amax_count()));
    view = *make_quantized_view<nvfp4_block, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
        cuda::std::span<fp8_e4m3>(scales.data(), scales.size()),
        cuda::std::span<float>(amax.data(), amax.size()), shape);
  }
};

}  // namespace

TEST_CASE("an output of the right shape passes, square tiles kept once or not") {
  CHECK(device::detail::check_output<quantizer<>>(33, 70, made<quantizer<>>(33, 70).view) ==
        status::success);
  CHECK(device::detail::check_output<square>(48, 64, made<square>(48, 64).view) == status::success);
  CHECK(device::detail::check_output<square>(48, 64, made<square>(48, 64, true).view) ==
        status::success);
}

TEST_CASE("other rows, columns, scales or amaxes are another shape") {
  auto const right = made<quantizer<>>(32, 64);
  CHECK(device::detail::check_output<quantizer<>>(31, 64, right.view) == status::shape_mismatch);
  CHECK(device::detail::check_output<quantizer<>>(32, 48, right.view) == status::shape_mismatch);
  CHECK(device::detail::check_output<quantizer<>>(32, 64, made<square>(32, 64, true).view) ==
        status::shape_mismatch);
  using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
  CHECK(device::detail::check_output<by_row>(32, 64, right.view) == status::shape_mismatch);
}

TEST_CASE("rows of codes that are no whole blocks are refused") {
  auto right = made<quantizer<>>(32, 64);
  auto view = right.view;
  cuda::std::array<matrix_index, 2> const strides{72, 1};
  view.codes = {view.codes.data_handle(), {matrix_extents(32, 64), strides}};
  CHECK(device::detail::check_output<quantizer<>>(32, 64, view) == status::code_layout);
}

TEST_CASE("codes can be written wide where they begin on 8 bytes") {
  auto right = made<quantizer<>>(32, 64);
  auto view = right.view;
  bool const is_aligned = reinterpret_cast<std::uintptr_t>(right.codes.data()) % 8 == 0;
  CHECK(device::detail::has_wide_codes(view) == is_aligned);
  layout::packed_pointer<fp4_e2m1> const shifted(right.codes.data() + 1);
  view.codes = {shifted, view.codes.mapping()};
  CHECK(device::detail::has_wide_codes(view) ==
        (reinterpret_cast<std::uintptr_t>(right.codes.data() + 1) % 8 == 0));
}
