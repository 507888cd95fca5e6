// SPDX-License-Identifier: Apache-2.0
// Block-scaled products of 4-bit elements in tensor memory (tcgen05), and the barriers that tell of their end. Read
// from the PTX manual and from nothing of the library, whose descriptors are to be checked by it. On a GPU products
// and copies run on after their instruction; here they are done at once.
#include <algorithm>
#include <bit>

#include "numbers.hpp"
#include "program.hpp"

namespace interpreter {
namespace {

constexpr unsigned quarter = 32;  // lanes of tensor memory that one warp of four reaches

std::uint32_t bits_of(std::uint64_t of, unsigned first, unsigned count) {
  return static_cast<std::uint32_t>(of >> first & ((std::uint64_t{1} << count) - 1));
}

/// What all lanes that take part give.
std::uint32_t common(warp& w, std::uint32_t of, unsigned mask, char const* what) {
  slot const& values = w[of];
  auto const first =
      static_cast<std::uint32_t>(values[static_cast<unsigned>(std::countr_zero(mask))]);
  for (unsigned l = 0; l < lanes; ++l) {
    if ((mask >> l & 1) && static_cast<std::uint32_t>(values[l]) != first)
      throw fault("lanes give more than one " + std::string(what));
  }
  return first;
}

std::byte* locate_shared(warp& w, unsigned lane, std::uint64_t address, std::size_t bytes) {
  return locate(w, lane, shared_space | (address & 0xFFFF'FFFFu), bytes);
}

// --- tensor memory ----------------------------------------------------------------------------------

/// Columns from `first` on, all of them taken by the block.
tensor_memory& reach(warp& w, std::uint32_t first, std::uint32_t columns) {
  tensor_memory* const memory = w.of->tensor.get();
  for (std::uint32_t c = first; c < first + columns; ++c) {
    if (memory == nullptr || c >= tensor_memory::columns || !memory->is_taken(c))
      throw fault("column " + std::to_string(c) + " of tensor memory, which is not allocated");
  }
  return *memory;
}

/// The column of an address that must name the first lane.
std::uint32_t column_of(std::uint32_t address) {
  if (address >> 16 != 0) throw fault("an address in tensor memory whose lane is not 0");
  return address;
}

/// Slots: where the address goes, and how many columns. They are the last ones that are free: a program that takes
/// its address to be 0 is wrong.
void take_columns(warp& w, instruction const& i, unsigned mask) {
  std::uint32_t const to = common(w, i.slots[0], mask, "place for an address"),
                      count = common(w, i.slots[1], mask, "count of columns");
  if (!std::has_single_bit(count) || count < 32 || count > tensor_memory::columns)
    throw fault("an allocation of tensor memory of " + std::to_string(count) + " columns");
  auto& memory = w.of->tensor;
  if (memory == nullptr) memory = std::make_unique<tensor_memory>();
  if (!memory->may_take) throw fault("an allocation after the block gave up its permit");
  for (std::uint32_t first = tensor_memory::columns - count;; first -= count) {
    bool is_free = true;
    for (std::uint32_t c = first; c < first + count; ++c) is_free &= !memory->is_taken(c);
    if (is_free) {
      memory->taken[first] = count;
      std::memcpy(locate_shared(w, 0, to + static_cast<std::uint64_t>(i.offset), 4), &first, 4);
      return;
    }
    if (first < count) throw fault("an allocation of more tensor memory than is free");
  }
}

void give_columns_back(warp& w, instruction const& i, unsigned mask) {
  std::uint32_t const first = common(w, i.slots[0], mask, "address in tensor memory"),
                      count = common(w, i.slots[1], mask, "count of columns");
  tensor_memory* const memory = w.of->tensor.get();
  auto const found =
      memory == nullptr ? decltype(memory->taken.find(0)){} : memory->taken.find(first);
  if (memory == nullptr || found == memory->taken.end() || found->second != count)
    throw fault("what is given back of tensor memory is not what was allocated");
  // Whoever gets them next finds nothing there.
  for (auto& lane : memory->words)
    std::fill_n(lane.begin() + first, count, tensor_memory::nothing_yet);
  memory->taken.erase(found);
}

void give_permit_up(warp& w, instruction const&, unsigned) {
  if (w.of->tensor == nullptr) w.of->tensor = std::make_unique<tensor_memory>();
  w.of->tensor->may_take = false;
}

/// Slots: the registers, then the address. Lane l of warp w gets lane 32 (w % 4) + l.
void load_columns(warp& w, instruction const& i, unsigned mask) {
  auto const count = static_cast<std::uint32_t>(i.slots.size() - 1);
  std::uint32_t const address = common(w, i.slots[count], mask, "address in tensor memory") +
                                static_cast<std::uint32_t>(i.offset);
  std::uint32_t const first_lane = w.first_thread / lanes % 4 * quarter;
  if (address >> 16 != first_lane)
    throw fault("a load of tensor memory from lane " + std::to_string(address >> 16) +
                " on by a warp that reaches those from " + std::to_string(first_lane) + " on");
  std::uint32_t const first = address & 0xFFFF;
  tensor_memory const& memory = reach(w, first, count);
  for (std::uint32_t c = 0; c < count; ++c) {
    for (unsigned l = 0; l < lanes; ++l) w[i.slots[c]][l] = memory.words[first_lane + l][first + c];
  }
}

// --- descriptors ------------------------------------------------------------------------------------

/// A tile in shared memory whose rows run along k: groups of eight rows, each of cores of 8 rows of 16 bytes (not
/// permuted) or of 8 rows of `row_bytes` whose pieces of 16 bytes are permuted.
struct shared_tile {
  std::uint32_t first, to_columns, to_rows, row_bytes;

  explicit shared_tile(std::uint64_t descriptor)
      : first(bits_of(descriptor, 0, 14) << 4),
        to_columns(bits_of(descriptor, 16, 14) << 4),
        to_rows(bits_of(descriptor, 32, 14) << 4) {
    if (bits_of(descriptor, 14, 2) != 0 || bits_of(descriptor, 30, 2) != 0 ||
        bits_of(descriptor, 46, 3) != 1 || bits_of(descriptor, 53, 8) != 0)
      throw fault("a matrix descriptor whose constant bits are others");
    if (bits_of(descriptor, 49, 3) != 0)
      throw fault("a matrix descriptor with a base offset is not interpreted");
    if (bits_of(descriptor, 52, 1) != 0)
      throw fault("a matrix descriptor with an absolute leading dimension is not interpreted");
    switch (bits_of(descriptor, 61, 3)) {
      case 0:
        row_bytes = 16;
        break;
      case 2:
        row_bytes = 128;
        break;
      case 4:
        row_bytes = 64;
        break;
      case 6:
        row_bytes = 32;
        break;
      default:
        throw fault("a matrix descriptor of a permutation that is not interpreted");
    }
    if (is_permuted()) {
      // The permutation is one of addresses: the first row lies where it begins anew, and so do eight rows more.
      if (first % (8 * row_bytes) >= row_bytes)
        throw fault("a permuted tile whose first row is not at the permutation's beginning");
      if (to_rows % (8 * row_bytes) != 0)
        throw fault("a permuted tile whose groups of rows are not at the permutation's beginning");
    }
  }
  [[nodiscard]] bool is_permuted() const { return row_bytes > 16; }
  /// Of 16 bytes, the `piece`-th of a row.
  [[nodiscard]] std::uint32_t address(std::uint32_t row, std::uint32_t piece) const {
    if (!is_permuted()) return first + row / 8 * to_rows + row % 8 * 16 + piece * to_columns;
    if (first % row_bytes + 16 * piece >= row_bytes)
      throw fault("columns beyond the end of a permuted tile's rows");
    // Of a permuted tile the distance to further columns does not count.
    std::uint32_t const plain = first + row / 8 * to_rows + row % 8 * row_bytes + 16 * piece;
    return plain ^ ((plain >> 7 & (row_bytes / 16 - 1)) << 4);
  }
};

/// What an instruction of kind mxf4 or mxf4nvf4 multiplies.
struct product_shape {
  static constexpr std::uint32_t rows = 128, depth = 64;
  std::uint32_t columns, scales_a, scales_b;  // scales: the first one's byte in its word
  bool has_e8m0_scales;

  explicit product_shape(std::uint32_t descriptor)
      : columns(8 * bits_of(descriptor, 17, 6)),
        scales_a(bits_of(descriptor, 29, 2)),
        scales_b(bits_of(descriptor, 4, 2)),
        has_e8m0_scales(bits_of(descriptor, 23, 1) != 0) {
    auto const require = [&](unsigned first, unsigned count, std::uint32_t value,
                             char const* what) {
      if (bits_of(descriptor, first, count) != value)
        throw fault("an instruction descriptor with " + std::string(what));
    };
    require(0, 3, 0, "sparse operands, which are not interpreted");
    require(3, 1, 0, "bit 3, which is reserved");
    require(6, 1, 0, "bit 6, which is reserved");
    require(7, 3, 1, "an A of another format than E2M1");
    require(10, 2, 1, "a B of another format than E2M1");
    require(12, 1, 0, "bit 12, which is reserved");
    require(13, 2, 0, "a negated operand, which is not interpreted");
    require(15, 2, 0, "a transposed operand, which 4-bit elements cannot have");
    require(24, 3, 0, "bits 24 to 26, which are reserved");
    require(27, 2, 1, "an M other than 128, which one block cannot have");
    require(31, 1, 0, "a K of 96, which is not interpreted");
    if (columns == 0 || columns > 256)
      throw fault("an instruction descriptor with an N of " + std::to_string(columns));
  }
};

// --- copies and products ----------------------------------------------------------------------------

/// Slots: the address in tensor memory, and a matrix descriptor. 32 rows of 16 bytes go to four columns of each
/// quarter of the lanes.
void copy_columns(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    std::uint32_t const first = column_of(static_cast<std::uint32_t>(w[i.slots[0]][l]) +
                                          static_cast<std::uint32_t>(i.offset));
    shared_tile const from(w[i.slots[1]][l]);
    if (from.is_permuted())
      throw fault("a copy of a permuted tile to tensor memory is not interpreted");
    tensor_memory& memory = reach(w, first, 4);
    for (std::uint32_t row = 0; row < quarter; ++row) {
      std::array<std::uint32_t, 4> words;
      std::memcpy(words.data(), locate_shared(w, l, from.address(row, 0), 16), 16);
      for (std::uint32_t lane = row; lane < memory.words.size(); lane += quarter)
        std::ranges::copy(words, memory.words[lane].begin() + first);
    }
  }
}

/// An operand in FP64: rows of product_shape::depth elements times their scales.
std::vector<double> scaled(warp& w, unsigned lane, shared_tile const& tile, std::uint32_t rows,
                           std::uint32_t scale_column, std::uint32_t first_byte,
                           std::uint32_t scale_count, bool has_e8m0_scales) {
  constexpr std::uint32_t depth = product_shape::depth;
  // A column holds a word of scales for each of 32 rows, the same in every quarter of the lanes.
  tensor_memory const& memory = reach(w, scale_column, (rows + quarter - 1) / quarter);
  std::vector<double> values(rows * depth);
  for (std::uint32_t row = 0; row < rows; ++row) {
    std::uint32_t const column = scale_column + row / quarter;
    std::uint32_t const scales = memory.words[row % quarter][column];
    for (std::uint32_t copy = row % quarter; copy < memory.words.size(); copy += quarter) {
      if (memory.words[copy][column] != scales)
        throw fault("scales that are not the same in every quarter of tensor memory");
    }
    for (std::uint32_t piece = 0; piece < depth / 32; ++piece) {
      std::array<std::uint8_t, 16> codes;
      std::memcpy(codes.data(), locate_shared(w, lane, tile.address(row, piece), 16), 16);
      for (std::uint32_t j = 0; j < 32; ++j) {
        std::uint32_t const k = 32 * piece + j;
        std::uint32_t const byte = first_byte + k * scale_count / depth;
        values[row * depth + k] = widen<e2m1_format>(codes[j / 2] >> (4 * (j % 2)) & 15u) *
                                  scale_of(scales >> (8 * byte), has_e8m0_scales);
      }
    }
  }
  return values;
}

/// Slots: D, the descriptors of A, B and the instruction, scales of A and of B, whether D counts.
/// shape: how many scales a row has; offset: they may be E4M3.
void multiply(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    auto const word = [&](unsigned nth) { return static_cast<std::uint32_t>(w[i.slots[nth]][l]); };
    product_shape const shape(word(3));
    if (!shape.has_e8m0_scales && i.offset == 0)
      throw fault("an instruction descriptor with E4M3 scales, of a kind that has E8M0 ones");
    for (std::uint32_t const byte : {shape.scales_a, shape.scales_b}) {
      if (byte % i.shape != 0)
        throw fault("an instruction descriptor whose scales begin at byte " + std::to_string(byte));
    }
    constexpr std::uint32_t rows = product_shape::rows, depth = product_shape::depth;
    auto const a = scaled(w, l, shared_tile(w[i.slots[1]][l]), rows, column_of(word(4)),
                          shape.scales_a, i.shape, shape.has_e8m0_scales);
    auto const b = scaled(w, l, shared_tile(w[i.slots[2]][l]), shape.columns, column_of(word(5)),
                          shape.scales_b, i.shape, shape.has_e8m0_scales);
    std::uint32_t const first = column_of(word(0));
    tensor_memory& memory = reach(w, first, shape.columns);
    bool const is_added = w[i.slots[6]][l] != 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
      for (std::uint32_t column = 0; column < shape.columns; ++column) {
        double sum = 0;
        for (std::uint32_t k = 0; k < depth; ++k) sum += a[row * depth + k] * b[column * depth + k];
        std::uint32_t& d = memory.words[row][first + column];
        d = std::bit_cast<std::uint32_t>(
            rounded_sum(sum, is_added ? std::bit_cast<float>(d) : 0.0f));
      }
    }
  }
}

// --- barriers in shared memory ----------------------------------------------------------------------

/// What its eight bytes hold, in an order of our own.
struct phase_barrier {
  std::uint32_t pending, expected;
  bool parity;  // of the phase that is not complete yet

  static constexpr std::uint64_t most = (1u << 20) - 1;
  static constexpr std::uint64_t mark = 0x6BA2, mark_shift = 48;  // nobody's counts

  static bool is_one(std::uint64_t bits) { return bits >> mark_shift == mark; }
  explicit phase_barrier(std::uint32_t count) : pending(count), expected(count), parity(false) {}
  explicit phase_barrier(std::byte const* from) {
    std::uint64_t bits;
    std::memcpy(&bits, from, sizeof bits);
    if (!is_one(bits)) throw fault("no mbarrier was made here");
    pending = bits_of(bits, 0, 20);
    expected = bits_of(bits, 20, 20);
    parity = bits_of(bits, 40, 1) != 0;
  }
  void store(std::byte* to) const {
    std::uint64_t const bits =
        mark << mark_shift | std::uint64_t{parity} << 40 | std::uint64_t{expected} << 20 | pending;
    std::memcpy(to, &bits, sizeof bits);
  }
};

std::byte* barrier_at(warp& w, std::uint32_t slot, unsigned lane, instruction const& i) {
  return locate_shared(w, lane, w[slot][lane] + static_cast<std::uint64_t>(i.offset), 8);
}

/// Slots: the address, and how many arrivals complete a phase.
void make_barrier(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    std::byte* const at = barrier_at(w, i.slots[0], l, i);
    auto const count = static_cast<std::uint32_t>(w[i.slots[1]][l]);
    if (count == 0 || count > phase_barrier::most)
      throw fault("an mbarrier for " + std::to_string(count) + " arrivals");
    std::uint64_t before;
    std::memcpy(&before, at, sizeof before);
    if (phase_barrier::is_one(before)) throw fault("an mbarrier where there is one already");
    phase_barrier(count).store(at);
    ++w.of->of->barrier_changes;
  }
}

/// All that was started is done: the barrier has this arrival at once.
void arrive(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    std::byte* const at = barrier_at(w, i.slots[0], l, i);
    phase_barrier barrier(at);
    if (--barrier.pending == 0) {
      barrier.pending = barrier.expected;
      barrier.parity = !barrier.parity;
    }
    barrier.store(at);
    ++w.of->of->barrier_changes;
  }
}

/// Slots: the answer, the address, the parity of the phase that is asked for.
void ask_for_phase(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    phase_barrier const barrier(barrier_at(w, i.slots[1], l, i));
    auto const parity = static_cast<std::uint32_t>(w[i.slots[2]][l]);
    if (parity > 1) throw fault("a parity other than 0 and 1");
    w[i.slots[0]][l] = barrier.parity != (parity == 1);
  }
}

bool translate_barrier(statement const& s, instruction& to) {
  take_slots(s, to);
  if (s.name.size() < 3 || !(s.has("shared::cta") || s.has("shared")) || s.type() != "b64")
    return false;
  if (s.name[1] == "init" && to.slots.size() == 2) {
    to.run = &make_barrier;
  } else if (s.name[1] == "try_wait" && s.name[2] == "parity" && to.slots.size() == 3) {
    to.kind = flow::poll;
    to.run = &ask_for_phase;
  }
  return to.run != nullptr;
}

}  // namespace

bool translate_tcgen05(statement const& s, instruction& to) {
  std::string_view const op = s.name[0];
  if (op == "mbarrier") return translate_barrier(s, to);
  if (op != "tcgen05" || s.name.size() < 2) return false;
  take_slots(s, to);
  std::string_view const what = s.name[1];
  bool const is_of_warp = s.has("sync") && s.has("aligned");
  if (is_of_warp) to.kind = flow::converged;
  if (what.starts_with("fence::") || (what == "wait::ld" && is_of_warp)) {
    to.run = &nothing;
  } else if (what == "ld") {
    bool const is_plain = is_of_warp && s.has("32x32b") && s.type() == "b32" && !s.has("pack::16b");
    if (is_plain && s.has("x" + std::to_string(to.slots.size() - 1))) to.run = &load_columns;
  } else if (!s.has("cta_group::1")) {
    return false;
  } else if (what == "alloc") {
    if (is_of_warp && s.has("shared::cta") && s.type() == "b32") to.run = &take_columns;
  } else if (what == "dealloc") {
    if (is_of_warp && s.type() == "b32") to.run = &give_columns_back;
  } else if (what == "relinquish_alloc_permit") {
    if (is_of_warp) to.run = &give_permit_up;
  } else if (what == "cp") {
    if (s.name.size() == 5 && s.has("32x128b") && s.has("warpx4")) to.run = &copy_columns;
  } else if (what == "commit") {
    bool const is_own = s.has("shared::cluster") && !s.has("multicast::cluster");
    if (is_own && s.has("mbarrier::arrive::one") && s.type() == "b64") to.run = &arrive;
  } else if (what == "mma") {
    bool const is_nvf4 = s.has("kind::mxf4nvf4"), has_16 = s.has("block16");
    // Both operands in shared memory, and scales; nothing added to the addresses.
    if (s.name.size() != 6 || s.operands.size() != 7 || to.slots.size() != 7 ||
        s.operands[1].is != operand::kind::one || to.offset != 0 || s.operands[5].offset != 0 ||
        s.operands[4].offset != 0 || s.operands[6].is_negated)
      return false;
    if (!s.has("block_scale") || !(is_nvf4 || s.has("kind::mxf4"))) return false;
    if (has_16 ? !is_nvf4 : !s.has("block32")) return false;
    to.shape = has_16 ? 4 : 2;
    to.offset = has_16;
    to.run = &multiply;
  }
  return to.run != nullptr;
}

}  // namespace interpreter
