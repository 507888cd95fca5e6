// SPDX-License-Identifier: Apache-2.0
// A training method that the library does not list: blocks of 32 integers under UE5M3 scales, the
// top 3 % clipped, backward products rotated by fresh signs and stochastic. Checked against bf16.
#include <cmath>
#include <cstdio>
#include <vector>

#include <nibble/matrix.hpp>

using namespace nibble;
using row_block = block<int4_element, ue5m3, 32>;
using forward =
    quantizer<row_block, scaling::clipped<97, 100, scaling::tile::row, tensor_scale::none>>;
using headroom =
    scaling::amax<scaling::tile::row, tensor_scale::none, format::nearest_even, 16, 17>;
using backward =
    quantizer<row_block, headroom, rounding::stochastic<>, transform::fresh_hadamard<32>>;
using again = operand<backward, operand_source::requantized>;
struct mine : recipe<operand<forward>, operand<forward>, operand<backward>, again,
                     operand<backward>, again> {
  using x_gradient = gradient::masked;  // none for what was clipped
};

constexpr std::size_t n = 64;
using tensor = std::vector<float>;

template <class Recipe>
tensor train_one_step() {  // y, dx and dW, one after the other
  tensor x(n * n), w(n * n), dy(n * n), all(3 * n * n);
  auto const value = [](std::size_t i) {
    return std::fmod(0.7312f * float(i * i % 4099), 2.0f) - 1;
  };
  for (std::size_t i = 0; i < n * n; ++i)
    x[i] = value(i), w[i] = value(i + 7), dy[i] = value(i + 31);
  auto const view = [](tensor& t, std::size_t part = 0) {
    return *make_matrix_view(cuda::std::span<float>(t.data() + part * n * n, n * n), n, n);
  };
  linear<Recipe, product::ordered> layer;
  layer.forward(view(x), view(w), view(all), {.seed = 1, .step = 5});
  layer.backward(view(dy), view(all, 1), view(all, 2), {.seed = 1, .step = 5});
  return all;
}

int main() {
  auto const quantized = train_one_step<mine>(), plain = train_one_step<recipes::bf16>();
  bool good = true;
  for (std::size_t part = 0; part < 3; ++part) {
    double error = 0, size = 0;
    for (std::size_t i = part * n * n; i < (part + 1) * n * n; ++i) {
      error += std::pow(double(quantized[i]) - double(plain[i]), 2);
      size += std::pow(double(plain[i]), 2);
    }
    std::printf("%s %.3f  ", part == 0 ? "y" : part == 1 ? "dx" : "dW", std::sqrt(error / size));
    good = good && std::sqrt(error / size) < 0.3;
  }
  std::printf("of bf16's\n");
  return good ? 0 : 1;
}
// y 0.100  dx 0.275  dW 0.177  of bf16's
