// SPDX-License-Identifier: Apache-2.0
// The projection under a recipe is the exact projection wherever rounding has nothing to do, and its
// numbers depend on seed, layer and step alone.
#include "train_lm/quantized_projection.hpp"

#include <doctest/doctest.h>

#include "nibble/recipes/mxfp4.hpp"
#include "nibble/recipes/nemotron3.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/gradient_check.hpp"

using namespace train_lm;
using nibble::product;

namespace {
/// Every rounding to nearest, nothing rotated: on numbers of the format it changes nothing.
using plain = nibble::operand<nibble::quantizer<>>;
struct nearest_nvfp4 : nibble::recipe<plain, plain, plain, plain, plain, plain> {};

/// Small whole numbers or, with largest 6, numbers of e2m1: every 16 rows and columns reach it.
matrix<float> grid(std::uint64_t stream, extent rows, extent columns, bool e2m1) {
  constexpr float values[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  matrix<float> result(rows, columns);
  for (extent i = 0; i < result.size(); ++i) {
    auto const bits = random_bits(9, stream, static_cast<std::uint64_t>(i));
    auto const size = e2m1 ? values[bits % 8] : static_cast<float>(bits % 17);
    result.data()[i] = (bits >> 32 & 1) != 0 ? -size : size;
  }
  for (extent i = 0; i < rows; ++i) {
    for (extent j = i % 16; e2m1 && j < columns; j += 16) result(i, j) = 6;
  }
  return result;
}

struct outcome {
  matrix<float> y, dx, dw;
};

template <class Projection>
outcome run_once(bool e2m1, int threads = 1, std::uint64_t step = 0, std::uint32_t layer = 3) {
  parallel_for const parallel{threads};
  step_context const context{1, step, 32, true, parallel};
  parameter<float> weight{"w", grid(1, 48, 32, e2m1), grid(4, 48, 32, false), true};
  outcome result;
  auto const run = [&](auto&& projection) {
    projection.forward(grid(2, 64, 32, e2m1), result.y, context);
    projection.backward(grid(3, 64, 48, e2m1), result.dx, context);
  };
  if constexpr (std::is_constructible_v<Projection, parameter<float>&, std::uint32_t>) {
    run(Projection{weight, layer});
  } else {
    run(Projection{weight});
  }
  result.dw = weight.gradient;
  return result;
}

template <class Recipe, product Mode>
using projected = quantized_projection<float, Recipe, Mode>;

double distance(matrix<float> const& a, matrix<float> const& b) {
  return static_cast<double>((a - b).norm() / b.norm());
}
}  // namespace

TEST_CASE("train_lm: on numbers that BF16 holds, a BF16 projection is the exact one, bit for bit") {
  outcome const exact = run_once<exact_projection<float>>(false);
  auto const check = [&](outcome const& got) {
    CHECK(got.y == exact.y);
    CHECK(got.dx == exact.dx);
    CHECK(got.dw == exact.dw);  // also: added to what was there
  };
  check(run_once<projected<nibble::recipes::bf16, product::exact>>(false));
  check(run_once<projected<nibble::recipes::bf16, product::fast>>(false));
}

TEST_CASE("train_lm: on numbers that NVFP4 holds, gradients pass straight through") {
  outcome const exact = run_once<exact_projection<float>>(true);
  auto const check = [&](outcome const& got) {
    CHECK(distance(got.y, exact.y) < 1e-6);
    CHECK(distance(got.dx, exact.dx) < 1e-6);
    CHECK(distance(got.dw, exact.dw) < 1e-6);
  };
  check(run_once<projected<nearest_nvfp4, product::exact>>(true));
  check(run_once<projected<nearest_nvfp4, product::fast>>(true));
  // On other numbers it does change something, so the comparison above can fail.
  outcome const rounded = run_once<projected<nearest_nvfp4, product::exact>>(false);
  CHECK(distance(rounded.y, run_once<exact_projection<float>>(false).y) > 1e-3);
}

TEST_CASE("train_lm: threads do not matter to a projection, but step and layer do") {
  using nvfp4 = projected<nibble::recipes::nvfp4, product::exact>;
  outcome const one = run_once<nvfp4>(false), three = run_once<nvfp4>(false, 3);
  CHECK(one.y == three.y);
  CHECK(one.dx == three.dx);
  CHECK(one.dw == three.dw);
  outcome const later = run_once<nvfp4>(false, 1, 1), other = run_once<nvfp4>(false, 1, 0, 4);
  CHECK(one.y == later.y);  // the forward pass rounds to nearest
  CHECK(one.dx != later.dx);
  CHECK(one.dw != later.dw);
  CHECK(one.dx != other.dx);
}

TEST_CASE("train_lm: outside training a projection gives the same and forgets nothing") {
  parallel_for const parallel;
  step_context const training{1, 0, 32, true, parallel}, watching{1, 0, 32, false, parallel};
  matrix<float> const x = grid(2, 64, 32, false), dy = grid(3, 64, 48, false);
  auto const gradient = [&](bool with_inference) {
    parameter<float> weight{"w", grid(1, 48, 32, false), matrix<float>::Zero(48, 32), true};
    projected<nibble::recipes::nvfp4, product::fast> projection{weight, 0};
    matrix<float> y, again, dx;
    projection.forward(x, y, training);
    if (with_inference) {
      projection.forward(x, again, watching);
      CHECK(again == y);
      projection.forward(grid(7, 16, 32, false), again, watching);
    }
    projection.backward(dy, dx, training);
    return weight.gradient;
  };
  CHECK(gradient(true) == gradient(false));
}

TEST_CASE("train_lm: a plan keeps the last block in BF16, and statistics count the others") {
  auto const statistics = std::make_shared<operand_statistics>();
  auto const factory = quantized_projections<nibble::recipes::nvfp4, product::fast>(statistics);
  parallel_for const parallel;
  parameter<float> weight{"w", grid(1, 48, 32, false), matrix<float>::Zero(48, 32), true};
  auto const run = [&](extent block, std::uint64_t step) {
    auto const projection = factory({"ffn.w1", block, 4}, weight);
    step_context const context{1, step, 32, true, parallel};
    matrix<float> y, dx;
    projection->forward(grid(2, 64, 32, false), y, context);
    projection->backward(grid(3, 64, 48, false), dx, context);
    return y;
  };
  matrix<float> const exact = run_once<exact_projection<float>>(false).y;
  CHECK(run(3, 0) == exact);
  CHECK(statistics->gradients().count == 0);
  CHECK(run(2, 0) != exact);
  CHECK(statistics->gradients().count == 2 * 64 * 48);
  run(2, 1);  // not a step that is looked at
  CHECK(statistics->gradients().count == 2 * 64 * 48);
  run(0, 50);
  CHECK(statistics->gradients().count == 4 * 64 * 48);
  CHECK(statistics->by_role[0].count == 2 * 64 * 32);
}

namespace {

struct late : nibble::recipes::nvfp4 {
  static constexpr nibble::precision_plan plan{.switch_percent = 50};
};
struct late_forward : nibble::recipes::nvfp4 {
  static constexpr nibble::precision_plan plan{.switch_percent = 50, .switches_forward_only = true};
};

/// y and dx of one step of a run of ten.
template <class Recipe>
std::pair<matrix<float>, matrix<float>> step_of_ten(std::uint64_t step, char const* role = "ffn.w1") {
  auto const factory = quantized_projections<Recipe, product::fast>();
  parallel_for const parallel;
  parameter<float> weight{"w", grid(1, 48, 32, false), matrix<float>::Zero(48, 32), true};
  auto const projection = factory({role, 0, 4}, weight);
  step_context const context{1, step, 32, true, parallel, 10};
  matrix<float> y, dx;
  projection->forward(grid(2, 64, 32, false), y, context);
  projection->backward(grid(3, 64, 48, false), dx, context);
  return {y, dx};
}

}  // namespace

TEST_CASE("train_lm: a plan may switch to BF16 at a share of the steps, or the forward pass alone") {
  outcome const exact = run_once<exact_projection<float>>(false);
  auto const plain = step_of_ten<nibble::recipes::nvfp4>(4);
  CHECK(step_of_ten<late>(4) == plain);
  CHECK(step_of_ten<late>(5).first == exact.y);
  CHECK(step_of_ten<late>(5).second == exact.dx);
  CHECK(step_of_ten<late_forward>(4) == plain);
  CHECK(step_of_ten<late_forward>(5).first == exact.y);
  CHECK(step_of_ten<late_forward>(5).second == step_of_ten<nibble::recipes::nvfp4>(5).second);
  CHECK(step_of_ten<late_forward>(5).second != exact.dx);
}

TEST_CASE("train_lm: a plan may give roles to BF16 and to a second recipe") {
  using nemotron = nibble::recipes::nemotron3;
  outcome const exact = run_once<exact_projection<float>>(false);
  CHECK(step_of_ten<nemotron>(0, "attention.qkv").first == exact.y);
  CHECK(step_of_ten<nemotron>(0, "mamba.out_proj") == step_of_ten<nibble::recipes::mxfp8>(0, "mamba.out_proj"));
  CHECK(step_of_ten<nemotron>(0, "ffn.w2") == step_of_ten<nibble::recipes::nvfp4>(0, "ffn.w2"));
}

TEST_CASE("train_lm: every projection of a model has a layer number of its own") {
  std::vector<int> seen;
  for (char const* const role :
       {"mamba.in_proj", "mamba.out_proj", "ffn.w1", "ffn.w2", "attention.qkv", "attention.out"}) {
    nibble::layer_place const place = place_in_plan({role, 2, 4});
    CHECK(place.role != nibble::layer_role::other);
    CHECK(place.block == 2);
    CHECK(place.blocks == 4);
    seen.push_back(static_cast<int>(place.role));
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK(seen.back() < 8);
  CHECK(place_in_plan({"head", 0, 1}).role == nibble::layer_role::other);
}

TEST_CASE("train_lm: nibble's loops reach every index once on the example's threads") {
  parallel_for const pool{2};
  for (std::int64_t const size : {0, 1, 7, 64, 65}) {
    std::vector<int> visits(static_cast<std::size_t>(size), 0);
    nibble_parallel{pool}(size, 8, [&](std::int64_t first, std::int64_t last) {
      CHECK(first % 8 == 0);
      for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    CHECK(std::count(visits.begin(), visits.end(), 1) == size);
  }
}
