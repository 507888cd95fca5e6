// SPDX-License-Identifier: Apache-2.0
// The statements of one kernel, functions that it calls in their places, as instructions.
#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "parse.hpp"
#include "text.hpp"

namespace interpreter {
namespace {

/// Reads the statements of one kernel.
class kernel_reader {
 public:
  kernel_reader(module_text const& of, kernel_text const& kernel) : of_(of) {
    made_.name = kernel.name;
    made_.most_threads = kernel.most_threads;
    made_.shared_bytes = first_shared;
    read_parameters(kernel.parameters);
    scopes_.emplace_back();
    open_ = {0};
    sink_ = made_.slot_count++;
    read_body(kernel.body);
    resolve_labels();
    instruction end;
    end.kind = flow::exit;
    end.text = "the end";
    made_.code.push_back(end);
  }
  program take() { return std::move(made_); }

 private:
  struct registers {
    std::uint32_t first;
    std::uint32_t count;  // 0: one register without a number
  };
  struct scope {
    std::unordered_map<std::string_view, registers> names;
    std::unordered_map<std::string_view, std::uint32_t> labels;     // where instructions go on
    std::unordered_map<std::string_view, std::uint32_t> variables;  // slots with addresses
  };
  struct jump {
    std::size_t from;
    std::string_view label;
    std::vector<std::size_t> scopes;  // from the outermost
  };

  void read_parameters(std::string_view text) {
    reader from{text};
    while (from.is_at('.')) {
      from.word();  // .param
      declaration const declared = read_declaration(from.until(','));
      std::size_t const at = rounded_up(made_.parameter_bytes, declared.alignment);
      made_.parameters.push_back({declared.name, at, declared.bytes});
      made_.parameter_bytes = at + declared.bytes;
    }
  }

  void read_body(std::string_view text) {
    reader from{text};
    for (from.skip_blanks(); !from.rest.empty(); from.skip_blanks()) {
      if (from.take('{')) {
        open_.push_back(scopes_.size());
        scopes_.emplace_back();
      } else if (from.take('}')) {
        open_.pop_back();
      } else if (from.take(';')) {
      } else if (from.rest.starts_with(".loc ") || from.rest.starts_with(".loc\t")) {
        from.until('\n');
      } else if (from.is_at('.')) {
        std::string_view const word = from.word();
        declare(word.substr(1), from.until(';'));
      } else {
        reader label = from;
        std::string_view const name = label.word();
        if (!name.empty() && label.is_at(':') && !label.rest.starts_with("::")) {
          scopes_[open_.back()].labels[name] = static_cast<std::uint32_t>(made_.code.size());
          label.take(':');
          from = label;
        } else {
          read_statement(from.until(';'));
        }
      }
    }
  }

  void declare(std::string_view what, std::string_view text) {
    if (what == "pragma") return;
    if (what == "reg") {
      reader from{text};
      from.word();  // the type
      do {
        from.skip_blanks();
        std::string_view const name = from.word();
        std::uint32_t count = 0;
        if (from.is_at('<')) {
          from.take('<');
          count = static_cast<std::uint32_t>(integer(from.until('>')));
        }
        scopes_[open_.back()].names[name] = {made_.slot_count, count};
        made_.slot_count += std::max(count, 1u);
      } while (from.take(','));
      return;
    }
    // What functions are given and return lies in local memory.
    if (what != "local" && what != "shared" && what != "param")
      fail("a declaration that is not interpreted", text);
    declaration const declared = read_declaration(text);
    std::size_t& used = what == "shared" ? made_.shared_bytes : made_.local_bytes;
    std::size_t const at = rounded_up(used, declared.alignment);
    used = at + declared.bytes;
    scopes_[open_.back()].variables[declared.name] =
        constant_slot(what == "param" ? local_space | at : at);
  }

  std::uint32_t constant_slot(std::uint64_t value) {
    auto const [found, is_new] = constants_.try_emplace(value, made_.slot_count);
    if (is_new) made_.constants.push_back({made_.slot_count++, value});
    return found->second;
  }

  std::uint32_t special_slot_of(std::string_view name) {
    static std::unordered_map<std::string_view, special> const known{
        {"%tid.x", special::tid_x},
        {"%tid.y", special::tid_y},
        {"%tid.z", special::tid_z},
        {"%ntid.x", special::ntid_x},
        {"%ntid.y", special::ntid_y},
        {"%ntid.z", special::ntid_z},
        {"%ctaid.x", special::ctaid_x},
        {"%ctaid.y", special::ctaid_y},
        {"%ctaid.z", special::ctaid_z},
        {"%nctaid.x", special::nctaid_x},
        {"%nctaid.y", special::nctaid_y},
        {"%nctaid.z", special::nctaid_z},
        {"%laneid", special::laneid},
        {"%warpid", special::warpid},
        {"%cluster_ctarank", special::cluster_ctarank},
        {"%cluster_nctarank", special::cluster_nctarank},
        {"%lanemask_lt", special::lanemask_lt},
        {"%lanemask_le", special::lanemask_le},
        {"%lanemask_gt", special::lanemask_gt},
        {"%lanemask_ge", special::lanemask_ge},
        {"%lanemask_eq", special::lanemask_eq},
        {"%dynamic_smem_size", special::dynamic_shared}};
    auto const [found, is_new] = specials_.try_emplace(name, made_.slot_count);
    if (is_new) {
      auto const what = known.find(name);
      if (what == known.end()) fail("a register that is not interpreted", name);
      made_.specials.push_back({made_.slot_count++, what->second});
    }
    return found->second;
  }

  std::uint32_t slot_of(std::string_view name) {
    if (name == "_") return sink_;
    if (name.find('.') != std::string_view::npos) return special_slot_of(name);
    std::size_t digits = name.size();
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
    for (std::size_t o = open_.size(); o-- > 0;) {
      scope const& s = scopes_[open_[o]];
      if (auto const v = s.variables.find(name); v != s.variables.end()) return v->second;
      if (auto const r = s.names.find(name); r != s.names.end() && r->second.count == 0)
        return r->second.first;
      if (digits == name.size()) continue;
      if (auto const r = s.names.find(name.substr(0, digits));
          r != s.names.end() && r->second.count > 0) {
        return r->second.first + static_cast<std::uint32_t>(integer(name.substr(digits)));
      }
    }
    if (!name.empty() && name.front() == '%') return special_slot_of(name);
    for (auto const& p : made_.parameters) {
      // With its space: at -Ofc=mid nvcc loads through such an address as through a generic one.
      if (p.name == name) return constant_slot(parameter_space | p.offset);
    }
    auto const found = of_.variables.find(name);
    if (found == of_.variables.end()) fail("an unknown name", name);
    if (found->second.space != "shared")
      return constant_slot(reinterpret_cast<std::uint64_t>(found->second.memory));
    return shared_slot(name, found->second);
  }

  std::uint32_t shared_slot(std::string_view name, variable const& v) {
    auto const [found, is_new] = scopes_[0].variables.try_emplace(name, 0);
    if (!is_new) return found->second;
    if (v.is_external) {
      // All dynamic shared memory begins at one place, behind the rest, whose size is not known yet.
      made_.dynamic_alignment =
          std::max(made_.dynamic_alignment, static_cast<std::uint32_t>(v.alignment));
      made_.dynamic_slots.push_back(made_.slot_count);
      return found->second = made_.slot_count++;
    }
    std::size_t const at = rounded_up(made_.shared_bytes, v.alignment);
    made_.shared_bytes = at + v.bytes;
    return found->second = constant_slot(at);
  }

  /// Parts a list at its commas, but not within brackets.
  static std::vector<std::string_view> parted(std::string_view text) {
    std::vector<std::string_view> parts;
    int depth = 0;
    std::size_t first = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (i < text.size() && (text[i] == '{' || text[i] == '[' || text[i] == '(')) ++depth;
      if (i < text.size() && (text[i] == '}' || text[i] == ']' || text[i] == ')')) --depth;
      if (i == text.size() || (text[i] == ',' && depth == 0)) {
        std::string_view const part = trimmed(text.substr(first, i - first));
        if (!part.empty()) parts.push_back(part);
        first = i + 1;
      }
    }
    return parts;
  }

  operand read_operand(std::string_view text, bool is_label) {
    operand made;
    if (is_label) {
      made.is = operand::kind::label;
      made.label = text;
      return made;
    }
    if (text.front() == '{') {
      made.is = operand::kind::list;
      for (auto const part : parted(text.substr(1, text.size() - 2)))
        made.parts.push_back(read_operand(part, false));
      return made;
    }
    if (text.front() == '[') {
      made.is = operand::kind::address;
      std::string_view const inside = trimmed(text.substr(1, text.size() - 2));
      std::size_t const plus = inside.find('+');
      std::string_view const base = trimmed(inside.substr(0, plus));
      if (plus != std::string_view::npos) made.offset = integer(inside.substr(plus + 1));
      made.slot = read_operand(base, false).slot;
      return made;
    }
    if (text.front() == '!') {
      made = read_operand(trimmed(text.substr(1)), false);
      made.is_negated = true;
      return made;
    }
    if (std::size_t const bar = text.find('|'); bar != std::string_view::npos) {
      made.slot = slot_of(trimmed(text.substr(0, bar)));
      made.second = slot_of(trimmed(text.substr(bar + 1)));
      made.has_second = true;
      return made;
    }
    if (text.starts_with("0f") || text.starts_with("0F") || text.starts_with("0d") ||
        text.starts_with("0D")) {
      std::uint64_t bits = 0;
      std::from_chars(text.data() + 2, text.data() + text.size(), bits, 16);
      made.slot = constant_slot(bits);
      return made;
    }
    if ((text.front() >= '0' && text.front() <= '9') || text.front() == '-') {
      made.offset = integer(text);
      made.slot = constant_slot(static_cast<std::uint64_t>(made.offset));
      return made;
    }
    if (text == "WARP_SZ") {
      made.slot = constant_slot(lanes);
      return made;
    }
    std::size_t const plus = text.find('+');
    made.slot = slot_of(trimmed(text.substr(0, plus)));
    if (plus != std::string_view::npos) fail("a sum that is not interpreted", text);
    return made;
  }

  /// call (returned), name, (given): the function's instructions, here. None calls itself.
  void read_call(std::string_view text) {
    std::vector<std::string_view> parts = parted(text);
    auto const listed = [](std::string_view part) {
      return parted(part.substr(1, part.size() - 2));
    };
    std::vector<std::string_view> returned, given;
    if (!parts.empty() && parts.front().starts_with('(')) {
      returned = listed(parts.front());
      parts.erase(parts.begin());
    }
    if (parts.size() > 1 && parts[1].starts_with('(')) given = listed(parts[1]);
    auto const found = parts.empty() ? of_.functions.end() : of_.functions.find(parts[0]);
    if (found == of_.functions.end()) fail("a call that is not interpreted", text);
    kernel_text const& function = found->second;
    if (function.body.empty()) {
      instruction to;
      to.text = text;
      to.run = [](warp&, instruction const&, unsigned) {
        throw fault("a call of what is not in the module");
      };
      made_.code.push_back(to);
      return;
    }
    if (calls_.size() > 30) fail("a function that calls itself", text);
    scope inside;
    auto const name_them = [&](std::string_view formal,
                               std::vector<std::string_view> const& actual) {
      reader from{formal};
      for (std::size_t i = 0; from.is_at('.'); ++i) {
        from.word();
        inside.variables[read_declaration(from.until(',')).name] = slot_of(actual.at(i));
      }
    };
    name_them(function.returned, returned);
    name_them(function.parameters, given);
    std::vector<std::size_t> const outside = std::exchange(open_, {scopes_.size()});
    scopes_.push_back(std::move(inside));
    calls_.emplace_back();
    read_body(function.body);
    for (std::size_t const leaves : calls_.back())
      made_.code[leaves].target = static_cast<std::uint32_t>(made_.code.size());
    calls_.pop_back();
    open_ = outside;
  }

  void read_statement(std::string_view text) {
    instruction to;
    to.text = text;
    reader from{text};
    if (from.take('@')) {
      to.has_guard = true;
      to.is_guard_negated = from.take('!');
      to.guard = slot_of(from.word());
      from.skip_blanks();
    }
    statement s;
    s.text = text;
    std::size_t length = 0;
    while (length < from.rest.size() && !is_blank(from.rest[length])) ++length;
    std::string_view name = from.rest.substr(0, length);
    from.rest.remove_prefix(length);
    for (std::size_t dot; (dot = name.find('.')) != std::string_view::npos;
         name.remove_prefix(dot + 1))
      s.name.push_back(name.substr(0, dot));
    s.name.push_back(name);
    std::string_view const rest = trimmed(from.rest);
    if (rest.ends_with("%clock64") || rest.ends_with("%clock") || rest.ends_with("%globaltimer")) {
      // Time goes on by a million cycles whenever somebody looks.
      s.operands = {read_operand(parted(rest)[0], false)};
      take_slots(s, to);
      to.run = [](warp& w, instruction const& i, unsigned mask) {
        static std::uint64_t now = 0;
        now += 1'000'000;
        for (unsigned l = 0; l < lanes; ++l) {
          if (mask >> l & 1) w[i.slots[0]][l] = now;
        }
      };
      made_.code.push_back(std::move(to));
      return;
    }
    if (s.name[0] == "call") {
      if (to.has_guard) fail("a call under a predicate", text);
      return read_call(trimmed(from.rest));
    }
    bool const jumps = s.name[0] == "bra";
    for (auto const part : parted(from.rest)) s.operands.push_back(read_operand(part, jumps));
    translate(s, to);
    made_.code.push_back(std::move(to));
  }

  void translate(statement const& s, instruction& to) {
    std::string_view const op = s.name[0];
    if (op == "bra") {
      to.kind = flow::branch;
      jumps_.push_back({made_.code.size(), s.operands[0].label, open_});
    } else if (op == "ret" && !calls_.empty()) {
      to.kind = flow::branch;
      calls_.back().push_back(made_.code.size());
    } else if (op == "ret" || op == "exit") {
      to.kind = flow::exit;
    } else if (op == "trap") {
      to.run = [](warp&, instruction const&, unsigned) { throw fault("trap"); };
    } else if ((op == "bar" || op == "barrier") && !s.has("warp") && !s.has("cluster")) {
      if (!s.has("sync")) fail("a barrier that is not interpreted", s.text);
      to.kind = flow::block_barrier;
      take_slots(s, to);
    } else if (op == "barrier" && s.has("cluster")) {
      to.kind = s.has("wait") ? flow::cluster_wait : flow::converged;
      to.run = [](warp& w, instruction const&, unsigned) { w.has_arrived = true; };
    } else {
      // Each looks at the statement afresh.
      instruction const untouched = to;
      for (auto const translate_kind :
           {&translate_arithmetic, &translate_memory, &translate_conversion, &translate_collective,
            &translate_tensor, &translate_tcgen05}) {
        if (translate_kind(s, to)) return;
        to = untouched;
      }
      fail("an instruction that is not interpreted", s.text);
    }
  }

  void resolve_labels() {
    for (auto const& j : jumps_) {
      bool is_found = false;
      for (std::size_t o = j.scopes.size(); o-- > 0 && !is_found;) {
        auto const& labels = scopes_[j.scopes[o]].labels;
        if (auto const at = labels.find(j.label); at != labels.end()) {
          made_.code[j.from].target = at->second;
          is_found = true;
        }
      }
      if (!is_found) fail("an unknown label", j.label);
    }
  }

  module_text const& of_;
  program made_;
  std::vector<scope> scopes_;
  std::vector<std::size_t> open_;
  std::vector<jump> jumps_;
  std::vector<std::vector<std::size_t>>
      calls_;  // the instructions that leave each function that is being read
  std::unordered_map<std::uint64_t, std::uint32_t> constants_;
  std::unordered_map<std::string_view, std::uint32_t> specials_;
  std::uint32_t sink_ = 0;
};

void take_slots(operand const& o, instruction& to, bool& has_address) {
  if (o.is == operand::kind::list) {
    for (auto const& part : o.parts) take_slots(part, to, has_address);
    return;
  }
  to.slots.push_back(o.slot);
  if (o.is != operand::kind::address) return;
  (has_address ? to.second_offset : to.offset) = o.offset;
  has_address = true;
}

}  // namespace

void take_slots(statement const& s, instruction& to) {
  bool has_address = false;
  for (auto const& o : s.operands) take_slots(o, to, has_address);
  for (auto const& o : s.operands) {
    if (o.has_second) to.slots.push_back(o.second);
  }
}

program read_kernel(module_text const& of, kernel_text const& kernel) {
  return kernel_reader(of, kernel).take();
}

}  // namespace interpreter
