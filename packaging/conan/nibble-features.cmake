# SPDX-License-Identifier: Apache-2.0
# What Conan's targets lack of those that CMake installs: the language standard.
target_compile_features(nibble::nibble INTERFACE cxx_std_20)
