// SPDX-License-Identifier: Apache-2.0
// Prints the digests of the first training step on a made-up text: a program small enough to be
// built by every compiler at hand.
#include <cstdio>
#include <cstdlib>

#include "train_lm/digest.hpp"

int main(int count, char** values) {
  using namespace train_lm;
  std::string bytes;
  for (std::uint64_t i = 0; i < 20000; ++i)
    bytes += "in the beginning was the word, and the word was with "[random_bits(1, 0, i) % 53];
  text const lines{bytes};
  training_options options;
  if (count > 1) options.seed = std::strtoull(values[1], nullptr, 10);
  options.sequences = 2;
  options.length = 64;
  std::fputs(digest_of_first_step(lines, options, parallel_for{}).c_str(), stdout);
}
