// SPDX-License-Identifier: Apache-2.0
// The one file with doctest's implementation: compiled once, linked into every test program.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
