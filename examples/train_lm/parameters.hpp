// SPDX-License-Identifier: Apache-2.0
// All trained numbers by name: the optimizer, the checkpoint and the tests walk this list, the
// layers hold references into it.
#pragma once

#include <deque>
#include <stdexcept>
#include <string>
#include <utility>

#include "train_lm/matrix.hpp"

namespace train_lm {

/// A trained matrix (vectors are matrices of one row) and the gradient of the loss in it.
template <class Real>
struct parameter {
  std::string name;
  matrix<Real> value;
  matrix<Real> gradient;
  bool decays;  ///< whether weight decay pulls it to zero
};

/// Owns the parameters in the order in which the model made them; references stay valid.
/// errors  add: std::invalid_argument if the name is taken.
template <class Real>
class parameters {
 public:
  parameter<Real>& add(std::string name, matrix<Real> value, bool decays) {
    if (find(name) != nullptr) throw std::invalid_argument("parameter name taken: " + name);
    matrix<Real> gradient = matrix<Real>::Zero(value.rows(), value.cols());
    all_.push_back({std::move(name), std::move(value), std::move(gradient), decays});
    return all_.back();
  }

  /// The parameter of that name, or null.
  parameter<Real>* find(std::string const& name) {
    for (parameter<Real>& each : all_) {
      if (each.name == name) return &each;
    }
    return nullptr;
  }

  void clear_gradients() {
    for (parameter<Real>& each : all_) each.gradient.setZero();
  }

  /// How many trained numbers there are.
  extent count() const {
    extent sum = 0;
    for (parameter<Real> const& each : all_) sum += each.value.size();
    return sum;
  }

  auto begin() { return all_.begin(); }
  auto end() { return all_.end(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::deque<parameter<Real>> all_;
};

}  // namespace train_lm
