// SPDX-License-Identifier: Apache-2.0
// The smallest program that shows the headers are found.
#include <nibble/fp4_e2m1.hpp>

int main() { return nibble::fp4_e2m1(6.0F).bits() == 0x7 ? 0 : 1; }
