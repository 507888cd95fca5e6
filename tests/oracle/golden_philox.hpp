// SPDX-License-Identifier: Apache-2.0
// Philox4x32 known answers: Random123's inputs at 10 and 7 rounds, then others.
// Written by golden.py; a test compares.
#pragma once

#include <array>
#include <cstdint>

// clang-format off
namespace golden {

struct philox_answer {
  int rounds;
  std::array<std::uint32_t, 4> counter;
  std::array<std::uint32_t, 2> key;
  std::array<std::uint32_t, 4> words;
};

inline constexpr std::array<philox_answer, 8> philox_answers{{
    {10, {0x00000000, 0x00000000, 0x00000000, 0x00000000}, {0x00000000, 0x00000000},
     {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
    {10, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {0xFFFFFFFF, 0xFFFFFFFF},
     {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
    {10, {0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0},
     {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}},
    {7, {0x00000000, 0x00000000, 0x00000000, 0x00000000}, {0x00000000, 0x00000000},
     {0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48}},
    {7, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {0xFFFFFFFF, 0xFFFFFFFF},
     {0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662}},
    {7, {0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0},
     {0x4DFCCABA, 0x190A87F0, 0xC47362BA, 0xB6B5242A}},
    {10, {0x00000000, 0x00000000, 0x00000000, 0x00000000}, {0x000004D2, 0x00000000},
     {0x2090B348, 0xDA7CF0AB, 0x4401906F, 0xCBCA470E}},
    {10, {0x00000000, 0x00000000, 0x00000001, 0x00000000}, {0x000004D2, 0x00000000},
     {0xD115A128, 0x52FC7C75, 0xC7F33F17, 0x0F1539DB}}}};

}  // namespace golden
// clang-format on
