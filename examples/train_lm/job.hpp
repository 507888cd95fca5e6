// SPDX-License-Identifier: Apache-2.0
// All runs of one call of the program: every seed under every recipe, one after another, with one
// checkpoint for all of them, so that the whole may stop anywhere and go on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train_lm/recipes.hpp"

namespace train_lm {

/// What is known of a run once it has ended.
struct run_result {
  std::string recipe;
  std::uint64_t seed = 0;
  std::vector<double> losses;  ///< one a step
  double validation = 0;
  double tokens_per_second = 0;
  extent parameters = 0;
  std::string sample;
  operand_statistics statistics;
};

/// Adds what belongs to one run to a file, every name after the prefix "RECIPE.SEED/".
inline void add_run(tensor_file& to, std::string const& prefix, tensor_file const& run) {
  for (auto const& [name, each] : run.tensors) to.tensors[prefix + name] = each;
  for (auto const& [name, each] : run.metadata) to.metadata[prefix + name] = each;
}

/// What a file holds of one run, or nothing.
inline std::optional<tensor_file> find_run(tensor_file const& from, std::string const& prefix) {
  tensor_file run;
  for (auto const& [name, each] : from.tensors) {
    if (name.starts_with(prefix)) run.tensors[name.substr(prefix.size())] = each;
  }
  for (auto const& [name, each] : from.metadata) {
    if (name.starts_with(prefix)) run.metadata[name.substr(prefix.size())] = each;
  }
  if (run.tensors.empty() && run.metadata.empty()) return std::nullopt;
  return run;
}

/// What a job shall do.
struct job_plan {
  std::vector<std::string> recipes;
  std::uint64_t seeds = 1;
  nibble::product products = nibble::product::fast;
  /// Makes a recipe of the table by its name.
  std::function<recipe(std::string const&, nibble::product)> make = make_recipe;
  model_config model = {};
  training_options training;  ///< with the first seed
};

class job {
 public:
  /// before: the checkpoint to go on from; a file without tensors where there is none.
  /// errors  safetensors_error for a checkpoint of other runs; as trainer for a text too short.
  job(job_plan plan, text const& lines, parallel_for const& parallel, tensor_file before = {})
      : plan_{std::move(plan)}, text_{lines}, parallel_{parallel}, saved_{std::move(before)} {
    std::size_t known = 0;
    for_runs([&](std::string const& recipe, std::uint64_t seed) {
      std::unique_ptr<trainer> const run = start(recipe, seed);  // refuses what is damaged
      most_bytes_ += largest_size(run->checkpoint());
      if (auto const found = find_run(saved_, prefix(recipe, seed)))
        known += found->tensors.size() + found->metadata.size();
      return true;
    });
    if (known != saved_.tensors.size() + saved_.metadata.size()) {
      std::string const& foreign = first_foreign_name();
      throw safetensors_error("the checkpoint holds what belongs to none of these runs: " +
                              safetensors_detail::printable(foreign));
    }
  }

  /// Calls make_hooks(recipe, seed) before each run, for what to show and when to stop, and
  /// at_end(trainer) after each that came to its end. Returns whether all runs did.
  template <class MakeHooks, class AtEnd>
  bool run_all(MakeHooks const& make_hooks, AtEnd const& at_end) {
    return for_runs([&](std::string const& recipe, std::uint64_t seed) {
      std::unique_ptr<trainer> const training = start(recipe, seed);
      run_hooks const hooks = make_hooks(recipe, seed);
      run_result result;
      result.recipe = recipe;
      result.seed = seed;
      bool const finished =
          run(*training, {.after_step =
                              [&](trainer const& at, std::uint64_t taken, double seconds) {
                                if (hooks.after_step) hooks.after_step(at, taken, seconds);
                                result.tokens_per_second =
                                    static_cast<double>(taken) * tokens() / seconds;
                              },
                          .should_stop = hooks.should_stop});
      replace(prefix(recipe, seed), training->checkpoint());
      if (!finished) return false;
      result.losses = training->losses();
      result.validation = training->validation_loss();
      result.sample = training->sample({.bytes = 240});
      result.parameters = training->trained_model().trained().count();
      result.statistics = training->statistics();
      results_.push_back(std::move(result));
      at_end(*training);
      return true;
    });
  }

  /// No checkpoint of this job has more bytes as a file.
  std::uint64_t most_bytes() const { return most_bytes_; }
  std::vector<run_result> const& results() const { return results_; }
  tensor_file const& checkpoint() const { return saved_; }
  double tokens() const {
    return static_cast<double>(plan_.training.sequences * plan_.training.length);
  }

 private:
  /// Of one run: what it has now, a loss for each step, and longer names and numbers.
  std::uint64_t largest_size(tensor_file const& now) const {
    constexpr std::uint64_t slack = 128;  // for a name's prefix and the digits of larger offsets
    return format_safetensors(now).size() + plan_.training.steps * sizeof(double) +
           slack * (now.tensors.size() + now.metadata.size() + 1);
  }

  template <class Body>
  bool for_runs(Body const& body) const {
    for (std::uint64_t i = 0; i < plan_.seeds; ++i) {
      for (std::string const& recipe : plan_.recipes) {
        if (!body(recipe, plan_.training.seed + i)) return false;
      }
    }
    return true;
  }

  static std::string prefix(std::string const& recipe, std::uint64_t seed) {
    return recipe + "." + std::to_string(seed) + "/";
  }

  std::unique_ptr<trainer> start(std::string const& name, std::uint64_t seed) const {
    training_options options = plan_.training;
    options.seed = seed;
    auto result = std::make_unique<trainer>(plan_.make(name, plan_.products), plan_.model, options,
                                            text_, parallel_);
    if (auto const found = find_run(saved_, prefix(name, seed))) result->restore(*found);
    return result;
  }

  void replace(std::string const& prefix, tensor_file const& run) {
    std::erase_if(saved_.tensors, [&](auto const& each) { return each.first.starts_with(prefix); });
    std::erase_if(saved_.metadata,
                  [&](auto const& each) { return each.first.starts_with(prefix); });
    add_run(saved_, prefix, run);
  }

  std::string first_foreign_name() const {
    auto const is_known = [&](std::string const& name) {
      return !for_runs([&](std::string const& recipe, std::uint64_t seed) {
        return !name.starts_with(prefix(recipe, seed));
      });
    };
    for (auto const& [name, each] : saved_.tensors) {
      if (!is_known(name)) return name;
    }
    for (auto const& [name, each] : saved_.metadata) {
      if (!is_known(name)) return name;
    }
    return "";
  }

  job_plan plan_;
  text const& text_;
  parallel_for const& parallel_;
  tensor_file saved_;
  std::uint64_t most_bytes_ = 0;
  std::vector<run_result> results_;
};

}  // namespace train_lm
