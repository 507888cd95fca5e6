// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include <nibble/interop/cublaslt.hpp>

namespace lt = nibble::interop::cublaslt;

namespace {

struct operand {
  nibble::quantized_shape<nibble::nvfp4_block, lt::scale_layout> shape;
  std::vector<std::uint64_t> codes, scales;  // words, so that offsets decide the alignment
  float amax = 1;

  operand(nibble::matrix_index rows, nibble::matrix_index columns)
      : shape{rows, columns, rows, 1, 1},
        codes(static_cast<std::size_t>(shape.code_bytes()) / 8 + 8),
        scales(static_cast<std::size_t>(shape.scale_count()) / 8 + 8) {}

  lt::refusal check(int code_offset, int scale_offset) {
    auto const start = [](std::vector<std::uint64_t>& v) {
      auto* bytes = reinterpret_cast<std::uint8_t*>(v.data());
      return bytes + (16 - reinterpret_cast<std::uintptr_t>(bytes) % 16) % 16;
    };
    auto const view = nibble::make_quantized_view<nibble::nvfp4_block, lt::scale_layout>(
        cuda::std::span<std::uint8_t>(start(codes) + code_offset,
                                      static_cast<std::size_t>(shape.code_bytes())),
        cuda::std::span<nibble::fp8_e4m3>(
            reinterpret_cast<nibble::fp8_e4m3*>(start(scales) + scale_offset),
            static_cast<std::size_t>(shape.scale_count())),
        cuda::std::span<float>(&amax, 1), shape);
    return lt::check(*view);
  }
};

}  // namespace

TEST_CASE("an operand is refused for its inner extent, its padding or its alignment") {
  CHECK(operand(5, 64).check(0, 0) == lt::refusal::none);
  CHECK(operand(5, 48).check(0, 0) == lt::refusal::inner_extent);
  CHECK(operand(5, 64).check(8, 0) == lt::refusal::code_alignment);
  CHECK(operand(5, 64).check(0, 4) == lt::refusal::scale_alignment);
}
