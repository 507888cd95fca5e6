// SPDX-License-Identifier: Apache-2.0
// The language model: bytes to an embedding, a row of blocks around a residual stream, a norm, and
// a head that scores the next byte. Embedding, norms and head stay in the scalar type under any
// recipe.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "train_lm/attention.hpp"
#include "train_lm/cross_entropy.hpp"
#include "train_lm/feed_forward.hpp"
#include "train_lm/mamba.hpp"
#include "train_lm/rms_norm.hpp"

namespace train_lm {

inline constexpr extent symbols = 256;

/// The sizes of a model. In the pattern M is a Mamba-2 block, - a feed-forward block, * attention.
struct model_config {
  std::string pattern = "M-*-";
  extent width = 96;
  extent hidden = 384;
  scan_shape scan = {.inner = 192, .heads = 16, .groups = 1, .state = 16};
  attention_shape heads = {.queries = 6, .keys = 2, .head = 16};

  /// errors  std::invalid_argument where the sizes do not fit one another, or a projection's width
  ///         is not a multiple of 16, the block of the quantized formats.
  void check() const {
    auto const require = [](bool holds, char const* what) {
      if (!holds) throw std::invalid_argument(std::string{"model: "} + what);
    };
    require(!pattern.empty() && pattern.find_first_not_of("M-*") == std::string::npos,
            "the pattern is made of M, - and *");
    require(width > 0 && hidden > 0 && scan.inner > 0 && scan.state > 0, "sizes are positive");
    require(scan.heads > 0 && scan.groups > 0 && scan.inner % scan.heads == 0 &&
                scan.heads % scan.groups == 0,
            "heads divide the inner width, groups divide the heads");
    require(
        heads.head > 0 && heads.keys > 0 && heads.queries > 0 && heads.queries % heads.keys == 0,
        "key heads divide query heads");
    for (extent const size : {width, hidden, scan.inner, mamba<float>::projected_width(scan),
                              heads.projected_width(), heads.queries * heads.head}) {
      require(size % 16 == 0, "widths of projections are multiples of 16");
    }
  }
};

/// Tokens of several sequences, one after another, and the byte that follows each.
struct token_batch {
  extent length;  ///< tokens in a sequence
  std::vector<std::uint8_t> inputs;
  std::vector<std::uint8_t> targets;
};

template <class Real>
class model {
 public:
  /// errors  std::invalid_argument if config.check() does.
  model(model_config const& config, std::uint64_t seed,
        projection_factory<Real> const& make_projection)
      : config_{config},
        initial_{seed},
        embedding_{add("embedding.weight", symbols, config.width, 0.5)} {
    config.check();
    auto const blocks = static_cast<extent>(config.pattern.size());
    for (extent position = 0; position < blocks; ++position) {
      block_builder<Real> const builder{parameters_, initial_, make_projection, position, blocks};
      norms_.emplace_back(builder.add("norm.weight", matrix<Real>::Ones(1, config.width)));
      blocks_.push_back(make_block(builder));
    }
    norms_.emplace_back(parameters_.add("norm.weight", matrix<Real>::Ones(1, config.width), false));
    head_ =
        std::make_unique<exact_projection<Real>>(add("head.weight", symbols, config.width, 0.02));
  }
  model(model const&) = delete;  // the blocks refer to the parameters
  model& operator=(model const&) = delete;

  model_config const& config() const { return config_; }
  parameters<Real>& trained() { return parameters_; }
  parameters<Real> const& trained() const { return parameters_; }

  /// The scores of all next bytes, [tokens, 256].
  matrix<Real>& logits(std::vector<std::uint8_t> const& inputs, step_context const& context) {
    inputs_ = inputs;
    stream_.resize(static_cast<extent>(inputs.size()), config_.width);
    for (extent row = 0; row < stream_.rows(); ++row) {
      stream_.row(row) = embedding_.value.row(symbol_at(row));
    }
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      norms_[i].forward(stream_, normed_, context);
      blocks_[i]->forward(normed_, output_, context);
      add_output(context.parallel);
    }
    norms_.back().forward(stream_, normed_, context);
    head_->forward(normed_, logits_, context);
    return logits_;
  }

  /// The mean loss of a batch, in nats a byte.
  double loss(token_batch const& batch, step_context const& context) {
    return cross_entropy(logits(batch.inputs, context), batch.targets, context.parallel);
  }

  /// The mean loss of a batch; its gradients are added to those of the parameters.
  double loss_and_gradient(token_batch const& batch, step_context const& context) {
    double const result = loss(batch, context);
    head_->backward(logits_, normed_, context);
    norms_.back().backward(normed_, stream_, context);  // stream_ now holds its own gradient
    for (std::size_t i = blocks_.size(); i-- > 0;) {
      blocks_[i]->backward(stream_, normed_, context);
      norms_[i].backward(normed_, output_, context);
      add_output(context.parallel);
    }
    for (extent row = 0; row < stream_.rows(); ++row) {
      embedding_.gradient.row(symbol_at(row)) += stream_.row(row);
    }
    return result;
  }

 private:
  parameter<Real>& add(std::string const& name, extent rows, extent columns, double deviation) {
    return parameters_.add(name, initial_.template spread<Real>(name, rows, columns, deviation),
                           true);
  }

  std::unique_ptr<block<Real>> make_block(block_builder<Real> const& builder) const {
    switch (config_.pattern[static_cast<std::size_t>(builder.position)]) {
      case 'M':
        return std::make_unique<mamba<Real>>(builder, config_.width, config_.scan);
      case '*':
        return std::make_unique<attention<Real>>(builder, config_.width, config_.heads);
      default:
        return std::make_unique<feed_forward<Real>>(builder, config_.width, config_.hidden);
    }
  }

  extent symbol_at(extent row) const { return inputs_[static_cast<std::size_t>(row)]; }

  void add_output(parallel_for const& parallel) {
    for_row_pieces(stream_.rows(), parallel, [&](extent first, extent count) {
      stream_.middleRows(first, count) += output_.middleRows(first, count);
    });
  }

  model_config config_;
  initializer initial_;
  parameters<Real> parameters_;
  parameter<Real>& embedding_;
  std::vector<rms_norm<Real>> norms_;  // one before each block, one before the head
  std::vector<std::unique_ptr<block<Real>>> blocks_;
  std::unique_ptr<projection<Real>> head_;
  std::vector<std::uint8_t> inputs_;
  matrix<Real> stream_, normed_, output_, logits_;
};

}  // namespace train_lm
