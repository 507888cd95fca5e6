// SPDX-License-Identifier: Apache-2.0
// What the debugger is shown: every code of every type beside the float that the library makes of it,
// blocks, and quantized matrices.
#include <nibble/nibble.hpp>
#if defined(WITH_MATRIX)
#include <nibble/quantize.hpp>
#include <nibble/quantized_matrix.hpp>
#endif

class fp8_e3m4 : public nibble::number<fp8_e3m4, nibble::format::float_format{3, 4, 3}> {
  using number::number;
};

template <class T>
struct every_code {
  static constexpr std::size_t count = std::size_t{1} << T::format.width();
  T numbers[count]{};
  float values[count]{};

  constexpr every_code() {
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = T::from_bits(i);
      values[i] = static_cast<float>(numbers[i]);
    }
  }
};

constinit every_code<nibble::fp4_e2m1> all_fp4_e2m1;
constinit every_code<nibble::fp4_e1m2> all_fp4_e1m2;
constinit every_code<nibble::int4_element> all_int4_element;
constinit every_code<nibble::fp6_e2m3> all_fp6_e2m3;
constinit every_code<nibble::fp6_e3m2> all_fp6_e3m2;
constinit every_code<nibble::fp8_e4m3> all_fp8_e4m3;
constinit every_code<nibble::fp8_e5m2> all_fp8_e5m2;
constinit every_code<nibble::e8m0> all_e8m0;
constinit every_code<nibble::ue5m3> all_ue5m3;
constinit every_code<fp8_e3m4> all_fp8_e3m4;
nibble::bf16 some_bf16[512];
nibble::fp16 some_fp16[512];
float values_bf16[512], values_fp16[512];

constexpr float sixteen[16]{0, .1f, -.2f, .3f, .5f, -.75f, 1, -1.25f, 1.5f, -2, 2.5f, -3, .6f, 3.2f, 0, .35f};
constinit nibble::nvfp4_block nvfp4 = nibble::quantizer<>{}(sixteen, nibble::tensor_amax{7.5f});
constinit nibble::packed<nibble::fp6_e2m3, 5> sixes{};
constinit nibble::razer_block razer{{}, {nibble::fp8_e4m3(2.0f), 1}};
#if defined(WITH_MATRIX)
using nibble::layout::scale_tile_128x4;
nibble::quantized_matrix<nibble::nvfp4_block> matrix;
nibble::quantized_matrix<nibble::nvfp4_block, scale_tile_128x4> tiled;
#endif

[[gnu::noinline]] void stop() { asm volatile(""); }

int main() {
  for (int i = 0; i < 512; ++i) {  // signs, exponents and some mantissas
    some_bf16[i] = nibble::bf16::from_bits(i * 128 + (i * 37 & 127));
    some_fp16[i] = nibble::fp16::from_bits(i * 128 + (i * 37 & 127));
    values_bf16[i] = static_cast<float>(some_bf16[i]);
    values_fp16[i] = static_cast<float>(some_fp16[i]);
  }
  for (int i = 0; i < 5; ++i) sixes.set(i, nibble::fp6_e2m3(static_cast<float>(i) * 1.5f));
  razer.codes.set(0, nibble::fp4_e2m1::from_bits(8));
  razer.codes.set(1, nibble::fp4_e2m1(3.0f));
#if defined(WITH_MATRIX)
  constexpr int rows = 130, columns = 72;
  static float in[rows * columns];
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      in[r * columns + c] = static_cast<float>(c % 16 - 6) * static_cast<float>(r + 5 * (c / 16) + 1);
    }
  }
  auto const view = *nibble::make_matrix_view(cuda::std::span<float>(in, rows * columns), rows, columns);
  matrix = nibble::quantized(view, nibble::quantizer<>{});
  tiled = nibble::quantized<scale_tile_128x4>(view, nibble::quantizer<>{});
#endif
  stop();
}
