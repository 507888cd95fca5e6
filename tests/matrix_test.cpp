// SPDX-License-Identifier: Apache-2.0
// The umbrella brings what its comment says; the pieces have tests of their own.
#include <nibble/matrix.hpp>

#include <doctest/doctest.h>

#include <vector>

TEST_CASE("one include is enough to quantize, multiply and train") {
  std::vector<float> values(16 * 32, 1.0f), y(16 * 16), dx(16 * 32), dw(16 * 32);
  auto const view = [](std::vector<float>& v, nibble::matrix_index rows, nibble::matrix_index columns) {
    return *nibble::make_matrix_view(cuda::std::span<float>(v.data(), v.size()), rows, columns);
  };
  auto const x = view(values, 16, 32);
  CHECK(nibble::compare(x, nibble::quantized(x, nibble::quantizer<>{}).view(), nibble::quantizer<>{})
            .relative_mse() == 0);
  nibble::linear<nibble::recipes::nvfp4, nibble::product::exact> layer;
  layer.forward(x, x, view(y, 16, 16), {});
  layer.backward(view(y, 16, 16), view(dx, 16, 32), view(dw, 16, 32), {});
  CHECK(y[0] == 32);
}
