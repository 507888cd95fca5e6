# SPDX-License-Identifier: Apache-2.0
# The registry has no port of CCCL. The headers are those of NVIDIA's wheel on PyPI, which is a zip file; they
# go below include/cccl, as in the toolkit, where no compiler looks by itself.
vcpkg_download_distfile(ARCHIVE
    URLS "https://files.pythonhosted.org/packages/ab/fb/0384bb2129bed6b1b39f8e44471c615ab5ab29b7e55817538a1d390d8f84/nvidia_cuda_cccl-13.0.85-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    FILENAME "nvidia_cuda_cccl-13.0.85.zip"
    SHA512 b9fe554f35ae6cf179e3d9ed0670ad776bee6f5f69e125def4c305cb062df058715443987f52be863488f6f2b960560378138036d5c2079cdbaec30d651c6422
)
vcpkg_extract_source_archive(SOURCE_PATH
    ARCHIVE "${ARCHIVE}"
    NO_REMOVE_ONE_LEVEL
)

file(INSTALL "${SOURCE_PATH}/nvidia/cu13/include/cccl" DESTINATION "${CURRENT_PACKAGES_DIR}/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/nvidia_cuda_cccl-13.0.85.dist-info/licenses/License.txt")
