// SPDX-License-Identifier: Apache-2.0
// What a terminal and what a file get to see.
#include "train_lm/progress.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace train_lm;

TEST_CASE("train_lm: a file gets a line every ten seconds and one at the end") {
  std::ostringstream out;
  progress shown{out, false, "nvfp4", 100, 1000};
  for (std::uint64_t done = 1; done <= 100; ++done) {
    shown.show(done, done, static_cast<double>(done) * 0.25, 2.5);
  }
  shown.stop();
  CHECK(out.str() ==
        "nvfp4  [>                   ]   1 %  loss 2.5000  4000 tokens/s  0:25 left\n"
        "nvfp4  [========>           ]  41 %  loss 2.5000  4000 tokens/s  0:15 left\n"
        "nvfp4  [================>   ]  81 %  loss 2.5000  4000 tokens/s  0:05 left\n"
        "nvfp4  [====================] 100 %  loss 2.5000  4000 tokens/s  0:25\n");
}

TEST_CASE("train_lm: a terminal gets one line that redraws itself") {
  std::ostringstream out;
  progress shown{out, true, "bf16", 4, 10};
  shown.show(1, 1, 100.0, 12.5);
  shown.show(2, 2, 100.01, 12.5);  // too soon
  shown.show(3, 3, 150.0, 2.5);
  shown.show(4, 4, 200.0, 2.5);
  CHECK(out.str() ==
        "\rbf16  [=====>              ]  25 %  loss 12.5000  0 tokens/s  5:00 left"
        "\rbf16  [===============>    ]  75 %  loss 2.5000  0 tokens/s  0:50 left "
        "\rbf16  [====================] 100 %  loss 2.5000  0 tokens/s  3:20     \n");
}

TEST_CASE("train_lm: a resumed run is judged by the steps it did itself") {
  std::ostringstream out;
  progress shown{out, false, "fp8", 100, 1};
  shown.show(51, 1, 2.0, 1.0);
  CHECK(out.str() == "fp8  [==========>         ]  51 %  loss 1.0000  0 tokens/s  1:38 left\n");
}
