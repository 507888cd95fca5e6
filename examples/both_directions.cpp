// SPDX-License-Identifier: Apache-2.0
// A matrix and its transpose to blocks in one pass, as training needs them. Blocks of 1x16 make other
// numbers of a matrix than of its transpose; tiles of 16x16 make the same, and cost accuracy.
#include <nibble/matrix.hpp>

#include <cstdio>
#include <vector>

using namespace nibble;
constexpr matrix_index tall = 48, broad = 80;

matrix_view<float> view_of(std::vector<float>& v, matrix_index height, matrix_index width) {
  return *make_matrix_view(cuda::std::span<float>(v.data(), v.size()), height, width);
}

/// How many of the numbers of W and of W^T differ.
template <class Quantizer>
int differences(std::vector<float>& w) {
  Quantizer const q;
  quantized_by<Quantizer> straight(shape_for<Quantizer>(tall, broad));
  quantized_by<Quantizer> turned(shape_for<Quantizer>(broad, tall));
  quantize_both(view_of(w, tall, broad), straight.view(), turned.view(), q, q);

  std::vector<float> a(w.size()), b(w.size());
  dequantize(straight.view(), view_of(a, tall, broad), q);
  dequantize(turned.view(), view_of(b, broad, tall), q);
  int differ = 0;
  for (matrix_index i = 0; i < tall; ++i) {
    for (matrix_index j = 0; j < broad; ++j) {
      differ += view_of(a, tall, broad)(i, j) != view_of(b, broad, tall)(j, i);
    }
  }
  auto const report = compare(view_of(w, tall, broad), straight.view(), q);
  std::printf("%5.2f dB, %d of %zu numbers differ from the transpose's\n", report.sqnr_db(), differ,
              w.size());
  return differ;
}

int main() {
  std::vector<float> w(tall * broad);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = float(int(i * i * 31 % 4093) - 2046) / 512;
  int const of_rows = differences<quantizer<>>(w);
  int const of_tiles = differences<quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>>(w);
  return of_rows > 0 && of_tiles == 0 ? 0 : 1;
}
// 19.87 dB, 2251 of 3840 numbers differ from the transpose's
// 18.95 dB, 0 of 3840 numbers differ from the transpose's
