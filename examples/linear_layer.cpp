// SPDX-License-Identifier: Apache-2.0
// A linear layer in NVIDIA's NVFP4 recipe, forward and backward, beside the same layer in bf16. The
// products are exact, so the number of threads changes no bit.
#include <nibble/matrix.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

using namespace nibble;
constexpr matrix_index tokens = 64, inputs = 96, outputs = 48;

struct step {
  std::vector<float> y, dx, dw;
  step() : y(tokens * outputs), dx(tokens * inputs), dw(outputs * inputs) {}
};

matrix_view<float> view_of(std::vector<float>& v, matrix_index rows, matrix_index columns) {
  return *make_matrix_view(cuda::std::span<float>(v.data(), v.size()), rows, columns);
}

std::vector<float> numbers(matrix_index count, std::uint64_t stream) {
  random::philox4x32<> const source{.seed = 1, .stream = stream};
  std::vector<float> result(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = float(int(source(i).value[0] >> 16) - 32768) / 16384;
  return result;
}

template <class Recipe>
step train(int threads_used) {
  auto x = numbers(tokens * inputs, 1), w = numbers(outputs * inputs, 2),
       dy = numbers(tokens * outputs, 3);
  step made;
  layer_key const key{.seed = 7, .layer = 0, .step = 1};  // decides what is drawn, and nothing else
  linear<Recipe, product::exact> layer;
  layer.forward(view_of(x, tokens, inputs), view_of(w, outputs, inputs),
                view_of(made.y, tokens, outputs), key, threads{threads_used});
  layer.backward(view_of(dy, tokens, outputs), view_of(made.dx, tokens, inputs),
                 view_of(made.dw, outputs, inputs), key, threads{threads_used});
  return made;
}

double error(std::vector<float> const& a, std::vector<float> const& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference += std::pow(double(a[i]) - double(b[i]), 2), size += std::pow(double(b[i]), 2);
  return std::sqrt(difference / size);
}

int main() {
  step const fp4 = train<recipes::nvfp4>(1), again = train<recipes::nvfp4>(3),
             wide = train<recipes::bf16>(1);
  bool const same = fp4.y == again.y && fp4.dx == again.dx && fp4.dw == again.dw;
  double const y = error(fp4.y, wide.y), dx = error(fp4.dx, wide.dx), dw = error(fp4.dw, wide.dw);
  std::printf("from bf16: y %.3f, dx %.3f, dW %.3f; three threads: %s\n", y, dx, dw,
              same ? "same" : "different");
  return same && y < 0.2 && dx < 0.3 && dw < 0.3 ? 0 : 1;
}
// from bf16: y 0.154, dx 0.183, dW 0.164; three threads: same
