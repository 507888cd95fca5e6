// SPDX-License-Identifier: Apache-2.0
// What one quantizer makes is not another format's block.
// expect: conversion from .* to non-scalar type|no viable conversion from
#include <nibble/nibble.hpp>

constexpr float values[16]{};
nibble::nvfp4_block right = nibble::quantizer<>{}(values, nibble::tensor_amax{1.0f});
#ifdef NIBBLE_BREAK
nibble::mxfp4_block wrong = nibble::quantizer<>{}(values, nibble::tensor_amax{1.0f});
#endif
