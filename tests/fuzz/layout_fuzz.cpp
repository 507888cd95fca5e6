// SPDX-License-Identifier: Apache-2.0
// Views of any shape over any buffer: refused, or every index inside the buffer and each place one
// element's own; parts of parts; packed elements of any width; the 128x4 order against its formula.
#include <nibble/layout/padded_right.hpp>
#include <nibble/matrix.hpp>

#include <vector>

#include "fuzz/input.hpp"

namespace {

using fuzz::require;
using namespace nibble;

/// An extent: mostly small, now and then negative or near the ends of 64 bits.
matrix_index extent(fuzz::input& in) {
  auto const kind = in.take<std::uint8_t>();
  auto const raw = in.take<std::int64_t>();
  return kind == 255 ? raw : kind == 254 ? raw >> 24 : kind == 253 ? -1 : (raw & 0xFF) % 37;
}

void views(fuzz::input& in) {
  matrix_index const rows = extent(in), columns = extent(in);
  std::vector<float> buffer(in.below(1400));
  auto const view = make_matrix_view(cuda::std::span<float>(buffer.data(), buffer.size()), rows,
                                     columns);
  __int128 const count = static_cast<__int128>(rows) * columns;
  bool const fits = rows >= 0 && columns >= 0 && count <= static_cast<__int128>(buffer.size());
  require(view.has_value() == fits, "a view exists exactly where its elements fit");
  if (!view || count == 0) return;
  require(&(*view)(rows - 1, columns - 1) == buffer.data() + (rows * columns - 1), "the last one");
  matrix_index const row = extent(in), column = extent(in), tall = extent(in), wide = extent(in);
  auto const piece = part(*view, row, column, tall, wide);
  __int128 const end_row = static_cast<__int128>(row) + tall;
  __int128 const end_column = static_cast<__int128>(column) + wide;
  bool const inside = row >= 0 && column >= 0 && tall >= 0 && wide >= 0 && end_row <= rows &&
                      end_column <= columns;
  require(piece.has_value() == inside, "a part exists exactly where it is inside");
  if (!piece || tall == 0 || wide == 0) return;
  require(&(*piece)(0, 0) == &(*view)(row, column), "a part begins where it says");
  require(&transposed(*piece)(wide - 1, tall - 1) == &(*view)(row + tall - 1, column + wide - 1),
          "a transposed part ends where it says");
}

template <class Layout>
void scales(matrix_index rows, matrix_index columns) {
  typename Layout::template mapping<matrix_extents> const map(matrix_extents(rows, columns));
  std::vector<bool> taken(static_cast<std::size_t>(map.required_span_size()));
  for (matrix_index r = 0; r != rows; ++r) {
    for (matrix_index c = 0; c != columns; ++c) {
      auto const at = static_cast<std::size_t>(map(r, c));
      require(at < taken.size(), "a scale lies inside its storage");
      require(!taken[at], "no two scales share a place");
      taken[at] = true;
    }
  }
}

void tiled(fuzz::input& in) {
  auto const rows = static_cast<matrix_index>(in.below(300)),
             columns = static_cast<matrix_index>(in.below(20));
  scales<layout::scale_tile_128x4>(rows, columns);
  scales<layout::padded_right<128, 4>>(rows, columns);
  using mapping = layout::scale_tile_128x4::mapping<matrix_extents>;
  mapping const map(matrix_extents(rows, columns));
  auto const r = static_cast<matrix_index>(in.below(300)), c = static_cast<matrix_index>(in.below(20));
  if (r >= rows || c >= columns) return;
  matrix_index const tile = r / 128 * ((columns + 3) / 4) + c / 4;
  require(map(r, c) == tile * 512 + r % 32 * 16 + r % 128 / 32 * 4 + c % 4, "the 128x4 formula");
  mapping const piece = map.part(r, c, matrix_extents(rows - r, columns - c));
  require(piece(rows - r - 1, columns - c - 1) == map(rows - 1, columns - 1), "a part of tiles");
}

void quantized(fuzz::input& in) {
  matrix_index const rows = extent(in), columns = extent(in), scale_rows = extent(in);
  quantized_shape<nvfp4_block, layout::scale_tile_128x4> const shape{rows, columns, scale_rows, 1,
                                                                      1};
  std::vector<std::uint8_t> codes(in.below(1400));
  std::vector<fp8_e4m3> blocks(in.below(2000));
  float amax = 1;
  auto const view = make_quantized_view<nvfp4_block, layout::scale_tile_128x4>(
      cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
      cuda::std::span<fp8_e4m3>(blocks.data(), blocks.size()), cuda::std::span<float>(&amax, 1),
      shape);
  if (!view || rows == 0 || columns == 0 || scale_rows < rows) return;
  auto const row = static_cast<matrix_index>(in.below(static_cast<std::uint64_t>(rows)));
  auto const column = static_cast<matrix_index>(in.below(static_cast<std::uint64_t>(columns)));
  auto const value = fp4_e2m1::from_bits(in.take<std::uint8_t>());
  view->codes(row, column) = value;
  view->scales(row, column / 16) = fp8_e4m3::from_bits(in.take<std::uint8_t>());  // asan watches
  require(static_cast<fp4_e2m1>(view->codes(row, column)).bits() == value.bits(), "reads back");
  matrix_index set = 0;
  for (std::uint8_t const byte : codes) set += ((byte & 15) != 0 ? 1 : 0) + (byte >> 4 != 0 ? 1 : 0);
  require(set == (value.bits() != 0 ? 1 : 0), "one nibble is written");
}

template <class T>
void packed_elements(fuzz::input& in) {
  constexpr matrix_index count = 61;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>((count * T::format.width() + 7) / 8));
  std::vector<std::uint32_t> model(count);
  layout::packed_pointer<T> const start(bytes.data());
  layout::packed_accessor<T> const accessor;
  for (int i = 0; i != 100; ++i) {
    auto const first = in.below(count), at = in.below(count - first);
    auto const value = T::from_bits(in.take<std::uint8_t>());
    accessor.access(accessor.offset(start, first), at) = value;
    model[first + at] = value.bits();
  }
  for (std::size_t i = 0; i != count; ++i) {
    require(static_cast<T>(accessor.access(start, i)).bits() == model[i], "packed elements");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  fuzz::input in(bytes, size);
  switch (in.take<std::uint8_t>() % 6) {
    case 0: views(in); break;
    case 1: tiled(in); break;
    case 2: quantized(in); break;
    case 3: packed_elements<fp4_e2m1>(in); break;
    case 4: packed_elements<fp6_e3m2>(in); break;
    default: packed_elements<fp8_e4m3>(in); break;
  }
  return 0;
}
