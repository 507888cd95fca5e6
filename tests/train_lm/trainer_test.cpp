// SPDX-License-Identifier: Apache-2.0
// Runs: they learn, they stop and go on bit for bit, and a checkpoint of another run is refused.
#include "train_lm/trainer.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "train_lm/small_model.hpp"

using namespace train_lm;

namespace {
training_options short_run(std::uint64_t seed = 1, std::uint64_t steps = 6) {
  training_options options;
  options.seed = seed;
  options.steps = steps;
  options.sequences = 4;
  options.length = 32;
  options.validation_batches = 2;
  return options;
}

/// Words in a random order: within a word the next letter is certain, between words it is not.
text const& words() {
  static text const lines = [] {
    std::string bytes;
    for (std::uint64_t i = 0; i < 6000; ++i) {
      constexpr char const* some[] = {"alpha ", "beta ", "gamma ", "delta "};
      bytes += some[random_bits(1, 0, i) % 4];
    }
    return text{bytes};
  }();
  return lines;
}

parallel_for const one_thread, two_threads{2};
recipe const exact{"exact", exact_projections<float>()};

std::unique_ptr<trainer> start(training_options const& options,
                               parallel_for const& threads = one_thread,
                               recipe const& use = exact) {
  return std::make_unique<trainer>(use, small_model(), options, words(), threads);
}

std::string saved(trainer& at) { return format_safetensors(at.checkpoint()); }
}  // namespace

TEST_CASE("train_lm: a run learns what can be learned") {
  auto const training = start(short_run(1, 150), two_threads);
  double const before = training->validation_loss();
  CHECK(run(*training, {}));
  double const after = training->validation_loss();
  CHECK(before > 5);
  // One of four words every 6 letters: about 1.39 nats a word, 0.25 a byte. Letter frequencies
  // alone, without any context, would stay above 1.9.
  CHECK(after < 0.5);
  CHECK(after > 0.2);
  CHECK(training->losses().size() == 150);
}

TEST_CASE("train_lm: a stopped and resumed run is the unbroken run, byte for byte") {
  auto const whole = start(short_run());
  run(*whole, {});

  auto const first = start(short_run());
  std::uint64_t seen = 0;
  bool const finished =
      run(*first, {.after_step = [&](trainer const&, std::uint64_t taken, double) { seen = taken; },
                   .should_stop = [&] { return seen == 3; }});
  CHECK_FALSE(finished);
  CHECK(first->losses().size() == 3);
  std::string const checkpoint = saved(*first);

  auto const second = start(short_run(), two_threads);
  second->restore(parse_safetensors(checkpoint));
  CHECK(saved(*second) == checkpoint);
  CHECK(run(*second, {}));
  CHECK(second->losses() == whole->losses());
  CHECK(saved(*second) == saved(*whole));
  CHECK(second->sample({.bytes = 20}) == whole->sample({.bytes = 20}));
}

TEST_CASE("train_lm: what is measured on the way changes nothing") {
  auto const plain = start(short_run());
  run(*plain, {});
  auto const watched = start(short_run());
  while (!watched->done()) {
    watched->validation_loss();
    watched->sample({.bytes = 3});
    watched->step();
  }
  CHECK(saved(*watched) == saved(*plain));
}

TEST_CASE("train_lm: a checkpoint of another run is refused and changes nothing") {
  auto const training = start(short_run());
  training->step();
  std::string const before = saved(*training);
  auto const refuses = [&](tensor_file const& file) {
    CHECK_THROWS_AS(training->restore(file), safetensors_error);
    CHECK(saved(*training) == before);
  };
  refuses(start(short_run(2))->checkpoint());
  refuses(start(short_run(1, 7))->checkpoint());
  refuses(start(short_run(), one_thread, {"other", exact.projections})->checkpoint());
  training_options rate = short_run();
  rate.learning_rate = 1e-9;
  refuses(start(rate)->checkpoint());
  refuses({});

  auto const damaged = [&](auto damage) {
    tensor_file file = start(short_run())->checkpoint();
    damage(file);
    refuses(file);
    file.metadata["digest"] = checkpoint_detail::digest_of(file);  // as whoever wants to harm would
    refuses(file);
  };
  damaged([](tensor_file& file) { file.metadata.erase("seed"); });
  damaged([](tensor_file& file) { file.tensors.erase("head.weight"); });
  damaged([](tensor_file& file) { file.tensors.erase("norm.weight.square"); });
  damaged([](tensor_file& file) { file.tensors.erase("run.losses"); });
  damaged([](tensor_file& file) { file.tensors["run.losses"].dtype = "I64"; });
  damaged([](tensor_file& file) { file.tensors["run.losses"] = {"F64", {7}, std::string(56, 0)}; });
  damaged([](tensor_file& file) { file.tensors.erase("run.operands.counts"); });
  damaged([](tensor_file& file) { file.tensors["run.operands.sums"].shape = {4, 6}; });
  damaged([](tensor_file& file) { file.tensors["run.operands.sums"].dtype = "U64"; });
  damaged([](tensor_file& file) { file.tensors["head.weight"].shape = {32, 256}; });
  damaged([](tensor_file& file) { file.tensors["head.weight"].dtype = "U32"; });
  damaged([](tensor_file& file) { file.tensors["more"] = {"U8", {1}, "x"}; });
}

TEST_CASE("train_lm: a checkpoint with one wrong bit is refused, wherever the bit is") {
  auto const training = start(short_run());
  training->step();
  tensor_file const good = training->checkpoint();
  training->restore(good);
  std::string const before = saved(*training);
  for (auto const& named : good.tensors) {
    CAPTURE(named.first);
    for (std::size_t const at : {std::size_t{0}, named.second.bytes.size() / 2}) {
      if (named.second.bytes.empty()) continue;
      tensor_file file = good;
      char& byte = file.tensors[named.first].bytes[at];
      byte = static_cast<char>(byte ^ 1);
      CHECK_THROWS_AS(training->restore(file), safetensors_error);
    }
  }
  tensor_file without = good;
  without.metadata.erase("digest");
  CHECK_THROWS_AS(training->restore(without), safetensors_error);
  CHECK(saved(*training) == before);
}

TEST_CASE("train_lm: a run refuses a short text and tokens that do not fill blocks of 16") {
  text const little{"too little to learn from"};
  CHECK_THROWS_AS(trainer(exact, small_model(), short_run(), little, one_thread),
                  std::invalid_argument);
  training_options odd = short_run();
  odd.sequences = 1;
  odd.length = 31;
  CHECK_THROWS_AS(start(odd), std::invalid_argument);
  odd.sequences = 0;
  CHECK_THROWS_AS(start(odd), std::invalid_argument);
}

TEST_CASE("train_lm: a run with a hook keeps its memory in the checkpoint and goes on bit for bit") {
  recipe hooked = exact;
  hooked.quantized = [](matrix<float> const& m) { return m; };
  auto const whole = start(short_run(1, 6), one_thread, hooked);
  CHECK(run(*whole, {}));
  auto const first = start(short_run(1, 6), one_thread, hooked);
  for (int step = 0; step < 3; ++step) first->step();
  auto const second = start(short_run(1, 6), one_thread, hooked);
  tensor_file const middle = parse_safetensors(saved(*first));
  std::size_t kept = 0;
  for (auto const& [name, each] : middle.tensors) kept += name.ends_with(".quantized_way");
  CHECK(kept == 8);  // two projections in each of four blocks
  second->restore(middle);
  CHECK(run(*second, {}));
  CHECK(saved(*second) == saved(*whole));
  auto const without = start(short_run(1, 6));
  CHECK_THROWS_AS(without->restore(middle), safetensors_error);
}
