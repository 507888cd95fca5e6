// SPDX-License-Identifier: Apache-2.0
// What a run counts of its quantized operands, and the tensors that keep it in a checkpoint: a run
// that stops and goes on ends with the table of one that did not.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "nibble/linear.hpp"
#include "train_lm/safetensors.hpp"

namespace train_lm {

/// What quantization did to the six operands, summed over the layers and steps that were looked at.
struct operand_statistics {
  nibble::error_report by_role[6];  ///< in the order of nibble::operand_role
  std::uint64_t every = 50;         ///< looks at one training step in so many

  /// The gradients of both products that have one.
  nibble::error_report gradients() const {
    auto const of = [&](nibble::operand_role role) {
      return by_role[static_cast<std::size_t>(role)];
    };
    nibble::error_report both = of(nibble::operand_role::dgrad_dy);
    return both += of(nibble::operand_role::wgrad_dy);
  }
};

namespace operand_statistics_detail {

using nibble::error_report;
inline constexpr char const* counts_name = "run.operands.counts";
inline constexpr char const* sums_name = "run.operands.sums";
inline constexpr std::int64_t error_report::*counts[] = {
    &error_report::count, &error_report::nan_count, &error_report::flushed,
    &error_report::saturated};
inline constexpr double error_report::*sums[] = {
    &error_report::sum_squares, &error_report::sum_squared_error, &error_report::sum_error,
    &error_report::largest_error};

/// One row an operand, a column each of these members.
template <class Number, std::size_t Columns>
tensor to_tensor(operand_statistics const& of, char const* dtype,
                 Number error_report::*const (&members)[Columns]) {
  tensor result{dtype, {6, Columns}, {}};
  for (error_report const& row : of.by_role) {
    for (auto const member : members)
      result.bytes.append(reinterpret_cast<char const*>(&(row.*member)), sizeof(Number));
  }
  return result;
}

template <class Number, std::size_t Columns>
void from_tensor(tensor_file const& file, char const* name, char const* dtype,
                 Number error_report::*const (&members)[Columns], operand_statistics& to) {
  auto const found = file.tensors.find(name);
  if (found == file.tensors.end() || found->second.dtype != dtype ||
      found->second.shape != std::vector<std::uint64_t>{6, Columns})
    throw safetensors_error("the checkpoint lacks its " + std::string{name});
  char const* from = found->second.bytes.data();
  for (error_report& row : to.by_role) {
    for (auto const member : members) {
      std::memcpy(&(row.*member), from, sizeof(Number));
      from += sizeof(Number);
    }
  }
}

}  // namespace operand_statistics_detail

/// Adds two tensors to a checkpoint: run.operands.counts, I64, and run.operands.sums, F64.
inline void add_statistics(tensor_file& to, operand_statistics const& of) {
  using namespace operand_statistics_detail;
  to.tensors[counts_name] = to_tensor(of, "I64", counts);
  to.tensors[sums_name] = to_tensor(of, "F64", sums);
}

/// What add_statistics wrote.
/// errors  safetensors_error if it is missing, or of another shape or type.
inline operand_statistics read_statistics(tensor_file const& from) {
  using namespace operand_statistics_detail;
  operand_statistics result;
  from_tensor(from, counts_name, "I64", counts, result);
  from_tensor(from, sums_name, "F64", sums, result);
  return result;
}

}  // namespace train_lm
