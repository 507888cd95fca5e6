# SPDX-License-Identifier: Apache-2.0
"""Conan 2 package of the headers of CCCL (libcu++, CUB, Thrust), for machines without a CUDA Toolkit:
conan create packaging/conan/cccl

There is none in Conan Center. The headers come from NVIDIA's wheel on PyPI, by pip, pinned by the hashes that
./run uses (packaging/cccl.txt).
"""
import os
import sys
import zipfile

from conan import ConanFile
from conan.tools.files import copy, rm
from conan.tools.layout import basic_layout


class CcclConan(ConanFile):
    name = "nvidia-cccl"
    version = "3.0.1"
    description = "CUDA Core Compute Libraries: libcu++, CUB and Thrust, headers only"
    license = "LicenseRef-NVIDIA-Proprietary"  # of the wheel; the sources say Apache-2.0 WITH LLVM-exception
    url = "https://pypi.org/project/nvidia-cuda-cccl"
    topics = ("cuda", "libcudacxx", "cub", "thrust", "header-only")
    package_type = "header-library"

    def export_sources(self):
        copy(self, "cccl.txt", os.path.join(self.recipe_folder, os.pardir, os.pardir), self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def package_id(self):
        self.info.clear()

    def source(self):
        self.run(f'"{sys.executable}" -m pip download --quiet --no-deps --require-hashes --only-binary=:all: '
                 '--dest wheel --requirement cccl.txt')
        (wheel,) = os.listdir("wheel")
        with zipfile.ZipFile(os.path.join("wheel", wheel)) as archive:
            archive.extractall(".")
        rm(self, "*.whl", "wheel")

    def package(self):
        copy(self, "*icense*", self.source_folder, os.path.join(self.package_folder, "licenses"), keep_path=False)
        copy(self, "*", os.path.join(self.source_folder, "nvidia/cu13/include/cccl"),
             os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
