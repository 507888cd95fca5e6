// SPDX-License-Identifier: Apache-2.0
// The launchers that torch_quantize.py times beside what PyTorch compiles, as functions of C.
//
//   nvcc -std=c++20 -O3 -arch=native -shared -Xcompiler=-fPIC -Iinclude bench/peers/torch_quantize.cu -o torch_quantize.so
#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.cuh>

using namespace nibble;

struct side {
  std::uint8_t* codes;
  fp8_e4m3* scales;
  float* amax;

  template <class Quantizer, class ScaleLayout>
  [[nodiscard]] auto view(matrix_index rows, matrix_index columns) const {
    auto const shape = shape_for<Quantizer, ScaleLayout>(rows, columns);
    return *make_quantized_view<typename Quantizer::block_type, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes, static_cast<std::size_t>(shape.code_bytes())),
        cuda::std::span<fp8_e4m3>(scales, static_cast<std::size_t>(shape.scale_count())),
        cuda::std::span<float>(amax, static_cast<std::size_t>(shape.amax_count())), shape);
  }
};

namespace {

using nearest = quantizer<>;
using plain = cuda::std::layout_right;
using rht = transform::random_hadamard<16, bf16>;
auto draws(std::uint64_t stream) {
  return quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, stream}}};
}

}  // namespace

extern "C" int nibble_bench(int kind, void const* values, long long rows, long long columns,
                            side straight, side turned, void* stream_handle) {
  auto const in =
      *make_matrix_view(cuda::std::span<bf16 const>(static_cast<bf16 const*>(values),
                                                    static_cast<std::size_t>(rows * columns)),
                        rows, columns);
  cuda::stream_ref const stream{static_cast<cudaStream_t>(stream_handle)};
  auto const both = [&](auto const& down, auto layout, auto const& q_rows) {
    using row_type = std::remove_cvref_t<decltype(q_rows)>;
    using column_type = std::remove_cvref_t<decltype(down)>;
    return device::quantize_both_with_amax(
        stream, in, straight.view<row_type, decltype(layout)>(rows, columns),
        turned.view<column_type, decltype(layout)>(columns, rows), q_rows, down);
  };
  device::status done = device::status::launch_failed;
  switch (kind) {
    case 0:
      done = device::quantize_with_amax(stream, in, straight.view<nearest, plain>(rows, columns),
                                        nearest{});
      break;
    case 1:
      done = device::quantize(stream, in, straight.view<nearest, plain>(rows, columns), nearest{});
      break;
    case 2:
      done = device::quantize_with_amax(
          stream, in, straight.view<decltype(draws(4)), plain>(rows, columns), draws(4));
      break;
    case 3:
      done = both(nearest{}, plain{}, nearest{});
      break;
    case 4:
      done = both(quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, 5}}, rht{}},
                  layout::scale_tile_128x4{}, draws(4));
      break;
    case 5:
      done = device::quantize_with_amax(
          stream, in,
          straight.view<quantizer<nvfp4_block, scaling::four_over_six<>>, plain>(rows, columns),
          quantizer{scaling::four_over_six<>{}});
      break;
  }
  return static_cast<int>(done);
}
