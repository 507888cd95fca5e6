// SPDX-License-Identifier: Apache-2.0
// Short runs in NVFP4: they learn what a broken backward pass cannot, give the same bytes on any
// number of threads, and go on where they stopped.
#include <doctest/doctest.h>

#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/quantized_projection.hpp"
#include "train_lm/trainer.hpp"

#include "train_lm/small_model.hpp"

using namespace train_lm;
using nibble::product;

namespace {
training_options short_run(std::uint64_t steps) {
  training_options options;
  options.steps = steps;
  options.sequences = 4;
  options.length = 48;
  options.validation_batches = 4;
  return options;
}

/// 64 made-up words of six letters out of six, in a random order: whoever does not learn to look at
/// several letters at once cannot tell how a word goes on.
text const& words() {
  static text const lines = [] {
    std::string bytes;
    for (std::uint64_t i = 0; i < 8000; ++i) {
      for (std::uint64_t letter = 0; letter < 6; ++letter)
        bytes += "abcdef"[random_bits(2, random_bits(1, 0, i) % 64, letter) % 6];
      bytes += ' ';
    }
    return text{bytes};
  }();
  return lines;
}

/// What can be wrong with a backward pass and still run.
enum class fault { none, no_weight_gradient, weight_gradient_of_other_sign, no_input_gradient };

class faulty_projection final : public projection<float> {
 public:
  faulty_projection(std::unique_ptr<projection<float>> inner, parameter<float>& weight, fault what)
      : inner_{std::move(inner)}, weight_{weight}, fault_{what} {}
  void forward(matrix<float> const& x, matrix<float>& y, step_context const& context) override {
    inner_->forward(x, y, context);
  }
  void backward(matrix<float> const& dy, matrix<float>& dx, step_context const& context) override {
    matrix<float> const before = weight_.gradient;
    inner_->backward(dy, dx, context);
    if (fault_ == fault::no_weight_gradient) weight_.gradient = before;
    if (fault_ == fault::weight_gradient_of_other_sign)
      weight_.gradient = 2 * before - weight_.gradient;
    if (fault_ == fault::no_input_gradient) dx.setZero();
  }

 private:
  std::unique_ptr<projection<float>> inner_;
  parameter<float>& weight_;
  fault fault_;
};

template <product Mode>
recipe nvfp4_recipe(fault what = fault::none) {
  auto const statistics = std::make_shared<operand_statistics>();
  statistics->every = 2;
  auto const factory = quantized_projections<nibble::recipes::nvfp4, Mode>(statistics);
  return {"nvfp4",
          [=](projection_place const& place, parameter<float>& weight) {
            return std::make_unique<faulty_projection>(factory(place, weight), weight, what);
          },
          Mode == product::exact ? "exact" : "fast", statistics};
}

parallel_for const one_thread, two_threads{2};

double loss_after(fault what) {
  trainer training{nvfp4_recipe<product::fast>(what), small_model(), short_run(200), words(),
                   two_threads};
  run(training, {});
  return training.validation_loss();
}

template <product Mode>
void is_the_same_on_two_threads_and_in_two_parts() {
  auto const options = short_run(6);
  trainer one{nvfp4_recipe<Mode>(), small_model(), options, words(), one_thread};
  trainer two{nvfp4_recipe<Mode>(), small_model(), options, words(), two_threads};
  run(one, {});
  run(two, {});
  std::string const whole = format_safetensors(one.checkpoint());
  CHECK(format_safetensors(two.checkpoint()) == whole);

  CHECK(one.statistics().gradients().count > 0);

  trainer before{nvfp4_recipe<Mode>(), small_model(), options, words(), two_threads};
  while (before.losses().size() < 3) before.step();
  trainer after{nvfp4_recipe<Mode>(), small_model(), options, words(), one_thread};
  after.restore(parse_safetensors(format_safetensors(before.checkpoint())));
  run(after, {});
  CHECK(format_safetensors(after.checkpoint()) == whole);
  CHECK(after.validation_loss() == one.validation_loss());
}
}  // namespace

TEST_CASE("train_lm: a run in NVFP4 learns what no broken backward pass learns") {
  // Reached when this was written: 1.08 where all is well, 1.60 and more where something is broken.
  constexpr double bound = 1.34;
  CHECK(loss_after(fault::none) < bound);
  for (fault const what : {fault::no_weight_gradient, fault::weight_gradient_of_other_sign,
                           fault::no_input_gradient}) {
    CAPTURE(static_cast<int>(what));
    CHECK(loss_after(what) > bound);
  }
}

TEST_CASE("train_lm: NVFP4 with exact products: one run, whatever the threads and the pauses") {
  is_the_same_on_two_threads_and_in_two_parts<product::exact>();
}

TEST_CASE("train_lm: NVFP4 with fast products: one run, whatever the threads and the pauses") {
  is_the_same_on_two_threads_and_in_two_parts<product::fast>();
}
