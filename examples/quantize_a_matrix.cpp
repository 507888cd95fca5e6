// SPDX-License-Identifier: Apache-2.0
// A whole matrix to NVFP4, its product with another, and the memory it takes.
// [readme]
#include <nibble/matrix.hpp>

#include <cstdio>
#include <vector>

int main() {
  using namespace nibble;
  std::vector<float> x(64 * 96, 0.25f), w(32 * 96, -1.5f), y(64 * 32);
  auto const view = [](std::vector<float>& v, matrix_index rows, matrix_index columns) {
    return *make_matrix_view(cuda::std::span<float>(v.data(), v.size()), rows, columns);
  };
  quantizer<> const rows;                                                   // 1x16 blocks
  quantizer<nvfp4_block, scaling::amax<scaling::tile::square>> const tiles;  // 16x16 tiles

  auto const xq = quantized<layout::scale_tile_128x4>(view(x, 64, 96), rows);  // as cuBLASLt wants it
  auto const wq = quantized<layout::scale_tile_128x4>(view(w, 32, 96), tiles);
  matmul<product::exact>(xq.view(), rows, wq.view(), tiles, view(y, 64, 32));  // y = x W^T

  std::printf("%zu bytes of codes, y(0, 0) = %g\n", xq.code_bytes().size(), static_cast<double>(y[0]));
  return y[0] == 96 * .25f * -1.5f ? 0 : 1;
}
// 3072 bytes of codes, y(0, 0) = -36
// [/readme]
