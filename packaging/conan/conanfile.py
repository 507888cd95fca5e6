# SPDX-License-Identifier: Apache-2.0
"""Conan 2 recipe of the checkout it stands in: conan create packaging/conan -s compiler.cppstd=20"""
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
    no_copy_source = True

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        text = load(self, os.path.join(self._checkout, "include/nibble/detail/config.hpp"))
        self.version = ".".join(re.findall(r"#define NIBBLE_VERSION_[A-Z]+ (\d+)", text))

    def export_sources(self):
        copy(self, "LICENSE", self._checkout, self.export_sources_folder)
        copy(self, "include/*", self._checkout, self.export_sources_folder)

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

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "nibble")
        for name, target in (("core", "nibble::nibble"), ("cuda", "nibble::cuda")):
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", target)
            component.bindirs = []
            component.libdirs = []
        self.cpp_info.components["cuda"].requires = ["core"]
