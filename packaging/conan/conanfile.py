# SPDX-License-Identifier: Apache-2.0
"""Conan 2 recipe of the checkout it stands in: conan create packaging/conan -s compiler.cppstd=20

With -o "nibble/*:with_cccl=True" there is also nibble::matrix, on the headers of CCCL as packaging/conan/cccl
packages them; the core, and kernels compiled by nvcc, need no such package.
"""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout


class NibbleConan(ConanFile):
    name = "nibble"
    description = "4-bit block-scaled floating point for C++20 and CUDA"
    license = "Apache-2.0"
    topics = ("nvfp4", "quantization", "low-precision", "cuda", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_cccl": [True, False]}
    default_options = {"with_cccl": False}
    no_copy_source = True

    # CMake before 3.25.2 passes nvcc no -std; enable_language(CUDA) must come before find_package.
    _cmake_modules = ("cmake/nibble-cuda20.cmake", "cmake/nibble-cublas.cmake", "packaging/conan/nibble-features.cmake")

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        text = load(self, os.path.join(self._checkout, "include/nibble/detail/config.hpp"))
        self.version = ".".join(re.findall(r"#define NIBBLE_VERSION_[A-Z]+ (\d+)", text))

    def export_sources(self):
        copy(self, "LICENSE", self._checkout, self.export_sources_folder)
        copy(self, "include/*", self._checkout, self.export_sources_folder)
        for name in self._cmake_modules:
            copy(self, name, self._checkout, self.export_sources_folder)
        copy(self, "packaging/debuggers/*", self._checkout, self.export_sources_folder)

    def requirements(self):
        if self.options.with_cccl:
            self.requires("nvidia-cccl/3.0.1", transitive_headers=True)

    def layout(self):
        basic_layout(self)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*", os.path.join(self.source_folder, "include"),
             os.path.join(self.package_folder, "include"))
        for name in self._cmake_modules:
            copy(self, name, self.source_folder, os.path.join(self.package_folder, "share/cmake/nibble"),
                 keep_path=False)
        copy(self, "*", os.path.join(self.source_folder, "packaging/debuggers"),
             os.path.join(self.package_folder, "share/nibble"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "nibble")
        self.cpp_info.set_property(
            "cmake_build_modules",
            [os.path.join("share/cmake/nibble", os.path.basename(name)) for name in self._cmake_modules])
        targets = [("core", "nibble::nibble"), ("cuda", "nibble::cuda")]
        if self.options.with_cccl:
            targets.append(("matrix", "nibble::matrix"))
        for name, target in targets:
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", target)
            component.bindirs = []
            component.libdirs = []
        self.cpp_info.components["cuda"].requires = ["core"]
        if self.options.with_cccl:
            self.cpp_info.components["matrix"].requires = ["core", "nvidia-cccl::nvidia-cccl"]
