// SPDX-License-Identifier: Apache-2.0
// In a host pass no instruction of a GPU exists, whatever the compiler; the table of every device
// target is features_test.py's.
#include <doctest/doctest.h>

#include <nibble/arch/features.hpp>

#if NIBBLE_HAS_DEVICE
#error "a host pass claims to be a device pass"
#endif

TEST_CASE("a host pass has no device instruction") {
  CHECK(NIBBLE_HAS_DEVICE == 0);
  CHECK(NIBBLE_HAS_CVT_E2M1 == 0);
  CHECK(NIBBLE_HAS_CVT_RS_E2M1 == 0);
  CHECK(NIBBLE_HAS_CVT_E4M3 == 0);
  CHECK(NIBBLE_HAS_MMA_F16 == 0);
  CHECK(NIBBLE_HAS_DPX == 0);
  CHECK(NIBBLE_HAS_CLUSTER == 0);
  CHECK(NIBBLE_HAS_WGMMA == 0);
  CHECK(NIBBLE_HAS_MMA_BLOCK_SCALE == 0);
  CHECK(NIBBLE_HAS_TCGEN05 == 0);
  CHECK(NIBBLE_HAS_F32X2 == 0);
  CHECK(NIBBLE_HAS_256_BIT_LOADS == 0);
  CHECK(NIBBLE_HAS_REDUX_F32 == 0);
  CHECK(NIBBLE_HAS_2048_THREADS == 0);
}

TEST_CASE("the bound of the known families has a default") {
  CHECK(NIBBLE_ARCH_FAMILY_END == 1300);
}
