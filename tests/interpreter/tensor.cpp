// SPDX-License-Identifier: Apache-2.0
// Products of a warp or a warp group. Sums of floating-point products are made exactly and rounded to FP32 once;
// a GPU's own sums differ from them in bits that its manual leaves open.
#include <vector>

#include "numbers.hpp"
#include "program.hpp"

namespace interpreter {
namespace {

template <class Format>
struct real {
  static constexpr int bits = Format::width == 6 ? 8 : Format::width;
  using sum_type = double;
  static double get(std::uint32_t a) { return widen<Format>(a & ((1u << Format::width) - 1)); }
};
/// e2m1 in a byte of its own stands in its bits 5:2.
struct wide_e2m1 {
  static constexpr int bits = 8;
  using sum_type = double;
  static double get(std::uint32_t a) { return widen<e2m1_format>(a >> 2 & 15); }
};
struct signed_byte {
  static constexpr int bits = 8;
  using sum_type = std::int64_t;
  static std::int64_t get(std::uint32_t a) { return static_cast<std::int8_t>(a); }
};

/// How elements of `Bits` bits lie in the fragments of m16n8kK, K = 256 / Bits: words of 32 bits, of which lane
/// 4 g + t holds those of row or column g, columns of A and rows of B from t words on.
template <int Bits>
struct fragment {
  static constexpr int depth = 256 / Bits, in_word = 32 / Bits;
  static unsigned lane_of(int row, int k) {
    return static_cast<unsigned>(4 * (row % 8) + k / in_word % 4);
  }
  static unsigned word_of_a(int row, int k) {
    return static_cast<unsigned>(row / 8 + 2 * (k / (4 * in_word)));
  }
  static unsigned word_of_b(int k) { return static_cast<unsigned>(k / (4 * in_word)); }
  static unsigned shift_of(int k) { return static_cast<unsigned>(Bits * (k % in_word)); }
};

using interpreter::rounded_sum;
std::int32_t rounded_sum(std::int64_t sum, std::int32_t c) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(c));
}

/// Slots: 4 of D, 4 of A, 2 of B, 4 of C; with scales a word, a byte and a lane for A and for B. shape: how many
/// scales a row has, 0 for none; offset: scales of E8M0 rather than E4M3.
template <class A, class B>
void multiply(warp& w, instruction const& i, unsigned) {
  using at = fragment<A::bits>;
  using sum_type = typename A::sum_type;
  using c_type = std::conditional_t<std::is_same_v<sum_type, double>, float, std::int32_t>;
  auto const word = [&](unsigned slot, unsigned lane) {
    return static_cast<std::uint32_t>(w[i.slots[slot]][lane]);
  };
  sum_type a[16][at::depth], b[8][at::depth];
  for (int k = 0; k < at::depth; ++k) {
    for (int row = 0; row < 16; ++row)
      a[row][k] = A::get(word(4 + at::word_of_a(row, k), at::lane_of(row, k)) >> at::shift_of(k));
    for (int column = 0; column < 8; ++column)
      b[column][k] = B::get(word(8 + at::word_of_b(k), at::lane_of(column, k)) >> at::shift_of(k));
  }
  if constexpr (std::is_same_v<sum_type, double>) {
    if (i.shape > 0) {
      // Whose word of scales: of rows g and g + 8 lanes 4 g + 2 s and the one behind, of column g lane 4 g + s.
      auto const selected = [&](unsigned slot) {
        return static_cast<unsigned>(w[i.slots[slot]][0]);
      };
      auto const scale = [&](std::uint32_t of, unsigned byte) {
        return scale_of(of >> (8 * byte), i.offset != 0);
      };
      for (unsigned const byte : {15u, 18u}) {
        if (selected(byte) + i.shape > 4) throw fault("a selector of bytes beyond a word");
      }
      if (selected(16) > 1 || selected(19) > 3)
        throw fault("a selector of lanes that there are not");
      int const block = at::depth / i.shape;
      for (int k = 0; k < at::depth; ++k) {
        auto const nth = static_cast<unsigned>(k / block);
        for (int row = 0; row < 16; ++row) {
          unsigned const lane = 4 * (static_cast<unsigned>(row) % 8) + 2 * selected(16) +
                                static_cast<unsigned>(row) / 8;
          a[row][k] *= scale(word(14, lane), selected(15) + nth);
        }
        for (int column = 0; column < 8; ++column) {
          b[column][k] *=
              scale(word(17, 4 * static_cast<unsigned>(column) + selected(19)), selected(18) + nth);
        }
      }
    }
  }
  c_type d[16][8];
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      sum_type sum = 0;
      for (int k = 0; k < at::depth; ++k) sum += a[row][k] * b[column][k];
      unsigned const lane =
          4 * (static_cast<unsigned>(row) % 8) + static_cast<unsigned>(column) / 2;
      auto const c = value<c_type>(
          w[i.slots[10 + 2 * (static_cast<unsigned>(row) / 8) + static_cast<unsigned>(column) % 2]]
           [lane]);
      d[row][column] = rounded_sum(sum, c);
    }
  }
  for (unsigned lane = 0; lane < lanes; ++lane) {
    for (unsigned v = 0; v < 4; ++v)
      w[i.slots[v]][lane] = raw(d[lane / 4 + 8 * (v / 2)][2 * (lane % 4) + v % 2]);
  }
}

template <class A>
handler multiply_with(std::string_view b) {
  if (b == "e4m3") return &multiply<A, real<e4m3_format>>;
  if (b == "e5m2") return &multiply<A, real<e5m2_format>>;
  if (b == "e2m3") return &multiply<A, real<e2m3_format>>;
  if (b == "e3m2") return &multiply<A, real<e3m2_format>>;
  if (b == "e2m1") return &multiply<A, wide_e2m1>;
  return nullptr;
}

bool translate_product(statement const& s, instruction& to) {
  take_slots(s, to);
  to.kind = flow::converged;
  std::size_t const parts = s.name.size();
  auto const is_named = [&](std::string_view type) {
    return std::count(s.name.begin(), s.name.end(), type);
  };
  if (s.name[1] != "sync" || s.has("satfinite") || s.has("sp")) return false;
  if (s.has("m16n8k16") && is_named("bf16") == 2 && s.type() == "f32")
    to.run = &multiply<real<bf16_format>, real<bf16_format>>;
  else if (s.has("m16n8k16") && s.type() == "f32" && is_named("f16") == 2)
    to.run = &multiply<real<f16_format>, real<f16_format>>;
  else if (s.has("m16n8k32") && is_named("s8") == 2)
    to.run = &multiply<signed_byte, signed_byte>;
  else if (s.has("block_scale") && parts > 5) {
    // ....f32.A.B.f32.scale
    std::string_view const a = s.name[parts - 4], b = s.name[parts - 3];
    to.shape = s.has("scale_vec::4X") ? 4 : s.has("scale_vec::2X") ? 2 : 1;
    if (to.shape == 1 && !s.has("scale_vec::1X")) return false;
    to.offset = s.type() == "ue8m0";
    if (s.has("m16n8k64"))
      to.run = &multiply<real<e2m1_format>, real<e2m1_format>>;
    else if (a == "e4m3")
      to.run = multiply_with<real<e4m3_format>>(b);
    else if (a == "e5m2")
      to.run = multiply_with<real<e5m2_format>>(b);
    else if (a == "e2m3")
      to.run = multiply_with<real<e2m3_format>>(b);
    else if (a == "e3m2")
      to.run = multiply_with<real<e3m2_format>>(b);
    else if (a == "e2m1")
      to.run = multiply_with<wide_e2m1>(b);
  }
  return to.run != nullptr;
}

// --- wgmma ------------------------------------------------------------------------------------------

/// A tile in shared memory whose rows run along k, as a descriptor tells it.
struct tile {
  std::uint32_t first, to_columns, to_rows;
  bool is_permuted;

  explicit tile(std::uint64_t descriptor)
      : first(static_cast<std::uint32_t>(descriptor & 0x3FFF) << 4),
        to_columns(static_cast<std::uint32_t>(descriptor >> 16 & 0x3FFF) << 4),
        to_rows(static_cast<std::uint32_t>(descriptor >> 32 & 0x3FFF) << 4),
        is_permuted(descriptor >> 62 == 1) {
    std::uint64_t const mode = descriptor >> 62;
    if (mode > 1 || (descriptor >> 49 & 7) != 0)
      throw fault("a matrix descriptor of a kind that is not interpreted");
  }
  [[nodiscard]] std::uint32_t address(std::uint32_t row, std::uint32_t byte) const {
    if (!is_permuted)
      return first + row / 8 * to_rows + byte / 16 * to_columns + row % 8 * 16 + byte % 16;
    std::uint32_t const plain = first + row / 8 * to_rows + row % 8 * 128 + byte;
    return plain ^ (plain >> 7 & 7) << 4;
  }
};

/// Slots: N / 2 of D, then A, B, and whether D counts. offset: N.
template <class Element, class Register>
void multiply_group(warp& w, instruction const& i, unsigned) {
  constexpr std::uint32_t depth = 32 / sizeof(Register), bytes = sizeof(Register);
  auto const columns = static_cast<std::uint32_t>(i.offset), words = columns / 2;
  using sum_type = typename Element::sum_type;
  using c_type = std::conditional_t<std::is_same_v<sum_type, double>, float, std::int32_t>;
  tile const of_a(w[i.slots[words]][0]), of_b(w[i.slots[words + 1]][0]);
  bool const is_added = w[i.slots[words + 2]][0] != 0;
  auto const element = [&](tile const& t, std::uint32_t row, std::uint32_t k) {
    Register bits;
    std::memcpy(&bits, locate(w, 0, shared_space | t.address(row, k * bytes), bytes), bytes);
    return Element::get(bits);
  };
  std::uint32_t const first_row = 16 * (w.first_thread / lanes % 4);
  sum_type a[16][depth];
  std::vector<sum_type> b(columns * depth);
  for (std::uint32_t k = 0; k < depth; ++k) {
    for (std::uint32_t row = 0; row < 16; ++row) a[row][k] = element(of_a, first_row + row, k);
    for (std::uint32_t column = 0; column < columns; ++column)
      b[column * depth + k] = element(of_b, column, k);
  }
  for (std::uint32_t row = 0; row < 16; ++row) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      sum_type sum = 0;
      for (std::uint32_t k = 0; k < depth; ++k) sum += a[row][k] * b[column * depth + k];
      std::uint64_t& d =
          w[i.slots[column / 8 * 4 + row / 8 * 2 + column % 2]][4 * (row % 8) + column % 8 / 2];
      d = raw(rounded_sum(sum, is_added ? value<c_type>(d) : c_type{0}));
    }
  }
}

bool translate_group(statement const& s, instruction& to) {
  to.kind = flow::converged;
  if (!s.has("mma_async")) {
    to.run = &nothing;
    return true;
  }
  take_slots(s, to);
  if (s.operands[1].is == operand::kind::list || s.has("satfinite") || s.has("sp")) return false;
  if (s.name[s.name.size() - 2] != s.type()) return false;  // other types of A than of B
  to.offset = static_cast<std::int64_t>(2 * s.operands[0].parts.size());
  for (std::size_t extra = 4; extra < s.operands.size(); ++extra) {
    // Signs and directions other than plain ones are not interpreted.
    if (s.operands[extra].offset != (extra < 6 ? 1 : 0)) return false;
  }
  if (s.type() == "f16" && s.has("f32")) to.run = &multiply_group<real<f16_format>, std::uint16_t>;
  if (s.type() == "bf16") to.run = &multiply_group<real<bf16_format>, std::uint16_t>;
  if (s.type() == "s8") to.run = &multiply_group<signed_byte, std::uint8_t>;
  return to.run != nullptr;
}

/// Matrices of 8x8 16-bit elements: lane l names row l % 8 of matrix l / 8.
void load_matrices(warp& w, instruction const& i, unsigned) {
  std::size_t const count = i.slots.size() - 1;
  slot const rows = w[i.slots[count]];
  for (std::size_t m = 0; m < count; ++m) {
    std::uint16_t matrix[8][8];
    for (std::size_t row = 0; row < 8; ++row) {
      auto const from = (rows[8 * m + row] + static_cast<std::uint64_t>(i.offset)) & 0xFFFF'FFFFu;
      std::memcpy(matrix[row],
                  locate(w, static_cast<unsigned>(8 * m + row), shared_space | from, 16), 16);
    }
    for (unsigned l = 0; l < lanes; ++l) {
      unsigned const row = l / 4, pair = 2 * (l % 4);
      std::uint32_t const low = i.shape ? matrix[pair][row] : matrix[row][pair];
      std::uint32_t const high = i.shape ? matrix[pair + 1][row] : matrix[row][pair + 1];
      w[i.slots[m]][l] = high << 16 | low;
    }
  }
}

}  // namespace

bool translate_tensor(statement const& s, instruction& to) {
  std::string_view const op = s.name[0];
  if (op == "mma") return translate_product(s, to);
  if (op == "wgmma") return translate_group(s, to);
  if (op != "ldmatrix" || s.type() != "b16") return false;
  take_slots(s, to);
  to.kind = flow::converged;
  to.shape = s.has("trans");
  to.run = &load_matrices;
  return true;
}

}  // namespace interpreter
