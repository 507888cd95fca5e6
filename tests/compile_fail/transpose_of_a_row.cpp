// SPDX-License-Identifier: Apache-2.0
// Only a matrix can be transposed.
// expect: got a rank other than 2; only a matrix can be transposed
#include <nibble/view.hpp>

template <int Rank>
auto turned(cuda::std::mdspan<float, cuda::std::dextents<int, Rank>> m) {
  return nibble::transposed(m);
}
template auto turned<2>(cuda::std::mdspan<float, cuda::std::dextents<int, 2>>);
#ifdef NIBBLE_BREAK
template auto turned<1>(cuda::std::mdspan<float, cuda::std::dextents<int, 1>>);
#endif
