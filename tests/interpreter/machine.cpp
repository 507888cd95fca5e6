// SPDX-License-Identifier: Apache-2.0
#include "machine.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "parse.hpp"

namespace interpreter {

// --- memory -----------------------------------------------------------------------------------------

namespace {

struct heap {
  std::mutex mutex;
  std::map<std::uintptr_t, std::size_t> blocks;
};
heap& memory() {
  static heap all;
  return all;
}

std::string hexadecimal(std::uint64_t a) {
  char text[20];
  std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(a));
  return text;
}

}  // namespace

void* allocate(std::size_t bytes) {
  std::size_t const rounded = rounded_up(std::max<std::size_t>(bytes, 1), 512);
  void* const made = std::aligned_alloc(512, rounded);
  if (made == nullptr) return nullptr;
  std::memset(made, 0xCD, rounded);
  std::scoped_lock const lock(memory().mutex);
  memory().blocks[reinterpret_cast<std::uintptr_t>(made)] = bytes;
  return made;
}

bool release(void* address) {
  {
    std::scoped_lock const lock(memory().mutex);
    if (memory().blocks.erase(reinterpret_cast<std::uintptr_t>(address)) == 0) return false;
    last_found = {};
  }
  std::free(address);
  return true;
}

std::size_t allocated_from(void const* address) {
  auto const at = reinterpret_cast<std::uintptr_t>(address);
  std::scoped_lock const lock(memory().mutex);
  auto after = memory().blocks.upper_bound(at);
  if (after == memory().blocks.begin()) return 0;
  auto const& [first, bytes] = *--after;
  if (at - first >= bytes) return 0;
  last_found = {first, first + bytes};
  return bytes - (at - first);
}

std::byte* locate_anywhere(warp& w, unsigned lane, std::uint64_t address, std::size_t bytes) {
  if ((address & (bytes - 1)) != 0)
    throw fault("lane " + std::to_string(lane) + ": a misaligned address, " + hexadecimal(address));
  auto const within = [&](std::byte* first, std::size_t size, std::uint64_t offset) {
    if (offset > size || bytes > size - offset) {
      throw fault("lane " + std::to_string(lane) + ": an address out of bounds, " +
                  hexadecimal(address) + " of " + std::to_string(size));
    }
    return first + offset;
  };
  std::uint64_t const offset = address & ~space_bits;
  switch (address & space_bits) {
    case shared_space: {
      auto const rank = static_cast<std::uint32_t>(offset) >> rank_shift;
      block* of = w.of;
      if (rank > 0) {
        if (rank > of->of->blocks.size())
          throw fault("shared memory of a block that the cluster does not have");
        of = &of->of->blocks[rank - 1];
      }
      std::uint64_t const at = offset & ((1u << rank_shift) - 1);
      if (at < first_shared)
        throw fault("lane " + std::to_string(lane) + ": no shared memory at " + hexadecimal(at));
      return within(of->shared.data(), of->shared.size(), at);
    }
    case local_space:
      return within(w.local.data() + lane * w.local_bytes, w.local_bytes, offset);
    case parameter_space:
      return within(w.of->of->parameters.data(), w.of->of->parameters.size(), offset);
    default: {
      if (allocated_from(reinterpret_cast<void const*>(address)) < bytes) {
        throw fault("lane " + std::to_string(lane) +
                    ": an address out of bounds of what was allocated, " + hexadecimal(address));
      }
      return reinterpret_cast<std::byte*>(address);
    }
  }
}

// --- running ----------------------------------------------------------------------------------------

namespace {

std::uint64_t special_value(warp const& w, unsigned lane, special what) {
  block const& b = *w.of;
  launch_shape const& shape = b.of->shape;
  unsigned const thread = w.first_thread + lane;
  switch (what) {
    case special::tid_x:
      return thread % shape.block.x;
    case special::tid_y:
      return thread / shape.block.x % shape.block.y;
    case special::tid_z:
      return thread / shape.block.x / shape.block.y;
    case special::ntid_x:
      return shape.block.x;
    case special::ntid_y:
      return shape.block.y;
    case special::ntid_z:
      return shape.block.z;
    case special::ctaid_x:
      return b.index.x;
    case special::ctaid_y:
      return b.index.y;
    case special::ctaid_z:
      return b.index.z;
    case special::nctaid_x:
      return shape.grid.x;
    case special::nctaid_y:
      return shape.grid.y;
    case special::nctaid_z:
      return shape.grid.z;
    case special::laneid:
      return lane;
    case special::warpid:
      return w.first_thread / lanes;
    case special::cluster_ctarank:
      return b.rank;
    case special::cluster_nctarank:
      return b.of->blocks.size();
    case special::lanemask_lt:
      return (1u << lane) - 1;
    case special::lanemask_le:
      return (2u << lane) - 1;
    case special::lanemask_gt:
      return ~((2u << lane) - 1);
    case special::lanemask_ge:
      return ~((1u << lane) - 1);
    case special::lanemask_eq:
      return 1u << lane;
    case special::dynamic_shared:
      return shape.shared_bytes;
  }
  return 0;
}

/// Joins the paths at the same instruction, and says which goes on: the one furthest behind that does not wait.
path* choose(warp& w) {
  auto& paths = w.paths;
  std::sort(paths.begin(), paths.end(), [](path const& a, path const& b) { return a.at < b.at; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < paths.size(); ++i) {
    if (paths[i].at == paths[kept].at) {
      paths[kept].mask |= paths[i].mask;
      paths[kept].is_waiting = paths[kept].is_polling = false;
    } else {
      paths[++kept] = paths[i];
    }
  }
  paths.resize(paths.empty() ? 0 : kept + 1);
  for (path& p : paths) {
    if (!p.is_waiting && !p.is_polling) return &p;
  }
  return nullptr;
}

unsigned holding(warp& w, instruction const& i, unsigned mask) {
  if (!i.has_guard) return mask;
  slot const& predicate = w[i.guard];
  unsigned result = 0;
  for (unsigned l = 0; l < lanes; ++l)
    result |= static_cast<unsigned>((predicate[l] != 0) != i.is_guard_negated) << l;
  return result & mask;
}

unsigned live_threads(block const& b) {
  unsigned count = 0;
  for (warp const& w : b.warps) count += static_cast<unsigned>(std::popcount(w.live));
  return count;
}

/// Lets the warps go that wait at one of a block's barriers.
void complete_block_barrier(block& b, unsigned which) {
  b.arrived[which] = 0;
  for (warp& w : b.warps) {
    if (w.now == warp::state::at_block_barrier && w.barrier == which) w.now = warp::state::ready;
  }
}

/// Runs an instruction that lanes do together, for those whose members are all here, and says which they are.
unsigned run_together(warp& w, instruction const& i, unsigned mask) {
  if (!i.has_members) {
    if (mask != w.live) return 0;
    i.run(w, i, mask);
    return mask;
  }
  unsigned done = 0;
  for (unsigned rest = mask; rest != 0;) {
    auto const lane = static_cast<unsigned>(std::countr_zero(rest));
    unsigned const members = static_cast<unsigned>(w[i.members][lane]) & w.live;
    if (!(members >> lane & 1))
      throw fault("lane " + std::to_string(lane) + " is none of the members that it names");
    if ((mask & members) == members) {
      for (unsigned l = 0; l < lanes; ++l) {
        if ((members >> l & 1) && (static_cast<unsigned>(w[i.members][l]) & w.live) != members)
          throw fault("lanes name different members");
      }
      i.run(w, i, members);
      done |= members;
    }
    rest &= ~members;
  }
  return done;
}

/// Lets the warps go that wait for a cluster's barrier, once all that live have arrived at it.
void complete_cluster_barrier(cluster& c) {
  for (block const& b : c.blocks) {
    for (warp const& w : b.warps) {
      if (w.live != 0 && !w.has_arrived) return;
    }
  }
  for (block& b : c.blocks) {
    for (warp& w : b.warps) {
      w.has_arrived = false;
      if (w.now == warp::state::at_cluster_barrier) w.now = warp::state::ready;
    }
  }
}

/// Runs a warp until it ends or waits for other warps. Between its barriers warps take no turns: nothing that
/// is right without one depends on it.
void run(warp& w, instruction const*& at) {
  std::vector<instruction> const& code = w.of->of->code->code;
  while (path* const chosen = choose(w)) {
    // Up to where the next path stands, these lanes go alone.
    std::uint32_t next_path = ~std::uint32_t{0};
    for (path const& p : w.paths) {
      if (p.at > chosen->at) next_path = std::min(next_path, p.at);
    }
    while (true) {
      instruction const& i = code[chosen->at];
      at = &i;
      unsigned const mask = holding(w, i, chosen->mask);
      if (i.kind == flow::next) {
        if (mask != 0) i.run(w, i, mask);
        if (++chosen->at >= next_path) break;
        continue;
      }
      if (i.kind == flow::branch) {
        unsigned const stay = chosen->mask & ~mask;
        if (mask == 0) {
          ++chosen->at;
        } else if (stay == 0) {
          chosen->at = i.target;
        } else {
          path const gone{i.target, mask, false};
          chosen->mask = stay;
          ++chosen->at;
          w.paths.push_back(gone);  // `chosen` may point nowhere from here on
        }
        break;
      }
      if (i.kind == flow::exit) {
        w.live &= ~mask;
        chosen->mask &= ~mask;
        ++chosen->at;
        for (path& p : w.paths) p.is_waiting = false;
        if (chosen->mask == 0) w.paths.erase(w.paths.begin() + (chosen - w.paths.data()));
        if (w.live == 0) {
          w.now = warp::state::ended;
          return;
        }
        break;
      }
      if (unsigned const past = chosen->mask & ~mask; past != 0) {  // a guard has these go past
        if (mask == 0) {
          ++chosen->at;
        } else {
          path const gone{chosen->at + 1, past, false};
          chosen->mask = mask;
          w.paths.push_back(gone);
        }
        break;
      }
      if (i.kind == flow::converged) {
        unsigned const done = run_together(w, i, mask);
        path const gone{chosen->at + 1, done, false};
        chosen->mask &= ~done;
        chosen->is_waiting = true;
        if (chosen->mask == 0)
          *chosen = gone;
        else if (done != 0)
          w.paths.push_back(gone);
        break;
      }
      if (i.kind == flow::poll) {
        i.run(w, i, mask);
        ++chosen->at;
        slot const& answers = w[i.slots[0]];
        chosen->is_polling = true;
        for (unsigned l = 0; l < lanes; ++l) {
          if ((mask >> l & 1) && answers[l] != 0) chosen->is_polling = false;
        }
        break;
      }
      if (mask != w.live) {  // the whole warp goes to a barrier
        chosen->is_waiting = true;
        break;
      }
      if (i.kind == flow::block_barrier) {
        ++chosen->at;
        w.barrier = static_cast<unsigned>(w[i.slots[0]][0]) % 16;
        w.of->arrived[w.barrier] += static_cast<unsigned>(std::popcount(w.live));
        w.now = warp::state::at_block_barrier;
        unsigned const expected =
            i.slots.size() > 1 ? static_cast<unsigned>(w[i.slots[1]][0]) : live_threads(*w.of);
        if (w.of->arrived[w.barrier] < expected) return;
        complete_block_barrier(*w.of, w.barrier);
        break;
      }
      // The cluster's barrier.
      if (w.has_arrived) {
        w.now = warp::state::at_cluster_barrier;
        return;
      }
      ++chosen->at;
      break;
    }
  }
  // Its turn ends where lanes wait for other warps. It is ready for another.
  bool has_polled = false;
  for (path& p : w.paths) {
    has_polled = has_polled || p.is_polling;
    p.is_polling = false;
  }
  if (!has_polled) throw fault("lanes of a warp wait for lanes that went another way");
}

void run(warp& w) {
  instruction const* at = nullptr;
  try {
    run(w, at);
  } catch (fault const& f) {
    std::string const where = at == nullptr ? "" : ", at " + std::string(at->text.substr(0, 120));
    throw fault("warp " + std::to_string(w.first_thread / lanes) + " of block " +
                std::to_string(w.of->index.x) + ", " + std::to_string(w.of->index.y) + ": " +
                f.what() + where);
  }
}

void start(warp& w, program const& code, unsigned threads) {
  w.paths = {{0, threads == lanes ? all_lanes : (1u << threads) - 1, false}};
  w.live = w.paths[0].mask;
  w.now = warp::state::ready;
  w.has_arrived = false;
  for (auto& c : w.copies) c.clear();
  for (auto const& s : code.specials) {
    // Others are the same in every block.
    if (s.what == special::ctaid_x || s.what == special::ctaid_y || s.what == special::ctaid_z)
      w[s.slot].fill(special_value(w, 0, s.what));
  }
}

/// Does the last warp of the last block go first? What kernels make must not depend on it: where a barrier is
/// missing, one of the two orders has a warp read before another has written.
bool is_backward() {
  static bool const asked = [] {
    char const* const order = std::getenv("NIBBLE_INTERPRETER_ORDER");
    return order != nullptr && std::string_view(order) == "backward";
  }();
  return asked;
}

/// The i-th of `count` in this order.
std::size_t nth(std::size_t i, std::size_t count) { return is_backward() ? count - 1 - i : i; }

void run_cluster(cluster& c) {
  while (true) {
    bool has_run = false, has_ended = true;
    std::uint64_t const changes = c.barrier_changes;
    for (std::size_t i = 0; i < c.blocks.size(); ++i) {
      block& b = c.blocks[nth(i, c.blocks.size())];
      for (std::size_t j = 0; j < b.warps.size(); ++j) {
        warp& w = b.warps[nth(j, b.warps.size())];
        if (w.now == warp::state::ready) {
          run(w);
          has_run = has_run || w.now != warp::state::ready;  // else it polls
        }
        has_ended = has_ended && w.now == warp::state::ended;
      }
      // Threads that have ended are not waited for.
      for (unsigned id = 0; id < b.arrived.size(); ++id) {
        if (b.arrived[id] != 0 && b.arrived[id] >= live_threads(b)) complete_block_barrier(b, id);
      }
    }
    complete_cluster_barrier(c);
    if (has_ended) return;
    if (!has_run && c.barrier_changes == changes)
      throw fault("threads wait at a barrier for threads that do not come");
  }
}

class interpreted_kernel : public kernel {
 public:
  interpreted_kernel(module_text const& of, kernel_text const& text)
      : of_(of), text_(text), name_(text.name) {}

  std::size_t static_shared_bytes() const override { return read().shared_bytes - first_shared; }
  std::vector<std::size_t> parameter_bytes() const override {
    std::vector<std::size_t> sizes;
    for (parameter const& p : read().parameters) sizes.push_back(p.size);
    return sizes;
  }

  void run(launch_shape const& shape, void* const* arguments) const override {
    program const& code = read();
    last_found = {};  // another thread may have released it
    cluster c;
    c.code = &code;
    c.shape = shape;
    c.parameters.resize(code.parameter_bytes);
    for (std::size_t p = 0; p < code.parameters.size(); ++p) {
      std::memcpy(c.parameters.data() + code.parameters[p].offset, arguments[p],
                  code.parameters[p].size);
    }
    std::size_t const dynamic = rounded_up(code.shared_bytes, code.dynamic_alignment);
    unsigned const threads = shape.block.x * shape.block.y * shape.block.z;
    if (threads > code.most_threads)
      throw fault(name_ + ": " + std::to_string(threads) + " threads in a block of at most " +
                  std::to_string(code.most_threads));
    c.blocks.resize(std::size_t{shape.cluster.x} * shape.cluster.y * shape.cluster.z);
    for (block& b : c.blocks) {
      b.of = &c;
      b.rank = static_cast<unsigned>(&b - c.blocks.data());
      b.warps.resize((threads + lanes - 1) / lanes);
      for (warp& w : b.warps) {
        w.of = &b;
        w.first_thread = static_cast<unsigned>(&w - b.warps.data()) * lanes;
        w.file.resize(code.slot_count);
        w.local_bytes = code.local_bytes;
        w.local.resize(lanes * code.local_bytes);
        for (auto const& value : code.constants) w[value.slot].fill(value.value);
        for (auto const at : code.dynamic_slots) w[at].fill(dynamic);
        for (auto const& s : code.specials) {
          for (unsigned l = 0; l < lanes; ++l) w[s.slot][l] = special_value(w, l, s.what);
        }
      }
    }
    try {
      run_grid(c, code, dynamic + shape.shared_bytes, threads);
    } catch (fault const& f) {
      throw fault(name_ + ": " + f.what());
    }
  }

 private:
  static void run_grid(cluster& c, program const& code, std::size_t shared_bytes,
                       unsigned threads) {
    launch_shape const& shape = c.shape;
    dimensions const each = shape.cluster;
    dimensions const clusters{shape.grid.x / each.x, shape.grid.y / each.y, shape.grid.z / each.z};
    std::size_t const count = std::size_t{clusters.x} * clusters.y * clusters.z;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t const at = nth(i, count);
      auto const x = static_cast<unsigned>(at % clusters.x),
                 y = static_cast<unsigned>(at / clusters.x % clusters.y),
                 z = static_cast<unsigned>(at / clusters.x / clusters.y);
      for (block& b : c.blocks) {
        b.index = {x * each.x + b.rank % each.x, y * each.y + b.rank / each.x % each.y,
                   z * each.z + b.rank / each.x / each.y};
        b.shared.assign(shared_bytes, std::byte{0xCD});
        b.arrived = {};
        b.tensor.reset();
        for (warp& w : b.warps) start(w, code, std::min(threads - w.first_thread, lanes));
      }
      run_cluster(c);
      for (block const& b : c.blocks) {
        if (b.tensor != nullptr && !b.tensor->taken.empty())
          throw fault("a block ends without giving back the tensor memory that it took");
      }
    }
  }

  program const& read() const {
    if (!program_) {
      try {
        program_ = read_kernel(of_, text_);
      } catch (fault const& f) {
        throw fault(name_ + ": " + f.what());
      }
    }
    return *program_;
  }

  module_text const& of_;
  kernel_text text_;
  std::string name_;
  mutable std::optional<program> program_;
};

}  // namespace

struct module::contents {
  std::string ptx;
  module_text text;
  std::map<std::string_view, interpreted_kernel> kernels;
};

module::module(std::string_view ptx) :contents_(std::make_unique<contents>()) {
  contents_->ptx = without_comments(ptx);
  contents_->text = read_module(contents_->ptx);
  for (auto const& [name, text] : contents_->text.kernels)
    contents_->kernels.try_emplace(name, contents_->text, text);
}
module::~module() = default;

kernel const* module::find(std::string_view name) const {
  auto const found = contents_->kernels.find(name);
  return found == contents_->kernels.end() ? nullptr : &found->second;
}

}  // namespace interpreter
