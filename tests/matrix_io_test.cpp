// SPDX-License-Identifier: Apache-2.0
// Matrices print as a shape and aligned rows, of which what is too much is left out.
#include <nibble/matrix_io.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

namespace {

std::string text(auto const& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

nibble::matrix_view<float> view(std::vector<float>& values, nibble::matrix_index rows, nibble::matrix_index columns) {
  return *nibble::make_matrix_view(cuda::std::span<float>(values.data(), values.size()), rows, columns);
}

}  // namespace

TEST_CASE("a matrix is printed in columns") {
  std::vector<float> values{1, -2.5f, 100, 0, .125f, -3};
  CHECK(text(nibble::show(view(values, 2, 3))) ==
        "2 x 3\n"
        "  1  -2.5 100\n"
        "  0 0.125  -3");
  CHECK(text(nibble::show(view(values, 3, 2), {2, 1})) ==
        "3 x 2\n"
        "    1 ...\n"
        "  100 ...\n"
        "  ...");
  CHECK(text(nibble::show(nibble::transposed(view(values, 2, 3)), {1, 2})) ==
        "3 x 2\n"
        "  1 0\n"
        "  ...");
  CHECK(text(nibble::show(view(values, 0, 3))) == "0 x 3");
}

TEST_CASE("a quantized matrix is printed block by block, as its scales and the values of its codes") {
  std::vector<float> values(2 * 20, 0.5f);
  values[3] = -6, values[17] = 3, values[25] = 448;
  auto const q = nibble::quantized(view(values, 2, 20), nibble::quantizer<>{});
  CHECK(text(q) ==
        "2 x 20 in blocks of 16, amax 448\n"
        "    6 * [0.5 0.5 0.5 -6 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5] ...\n"
        "  448 *   [0   0   0  0   0   6   0   0   0   0   0   0   0   0   0   0] ...");
  CHECK(text(nibble::show(q, {1, 20})) ==
        "2 x 20 in blocks of 16, amax 448\n"
        "  6 * [0.5 0.5 0.5 -6 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5] 3 * [1 6 1 1]\n"
        "  ...");
}

TEST_CASE("amaxes of rows are printed as their range") {
  std::vector<float> values(2 * 16, 0.5f);
  values[3] = 4;
  using rows = nibble::quantizer<nibble::nvfp4_block,
                                 nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_row<>>>;
  auto const q = nibble::quantized(view(values, 2, 16), rows{});
  CHECK(text(nibble::show(q.view(), {0, 0})) == "2 x 16 in blocks of 16, amaxes 0.5 to 4\n  ...");
}

#if defined(__cpp_lib_format)
TEST_CASE("std::format prints a matrix and takes a specification for its numbers") {
  std::vector<float> values{1, -2.5f};
  CHECK(std::format("{:.2f}", nibble::show(view(values, 1, 2))) == "1 x 2\n  1.00 -2.50");
}
#endif
