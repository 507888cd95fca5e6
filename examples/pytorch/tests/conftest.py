# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))


def has_gpu_library():
    import nibble_torch  # noqa: F401
    return torch.cuda.is_available() and torch._C._dispatch_has_kernel_for_dispatch_key("nibble::linear", "CUDA")


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    if request.param == "cuda" and not has_gpu_library():
        pytest.skip("no GPU, or no library for it")
    return request.param


@pytest.fixture
def gpu():
    if not has_gpu_library():
        pytest.skip("no GPU, or no library for it")
    return "cuda"


def pytest_generate_tests(metafunc):
    if "recipe" in metafunc.fixturenames and not any(
            "recipe" in str(mark.args[:1]) for mark in metafunc.definition.iter_markers("parametrize")):
        import nibble_torch
        metafunc.parametrize("recipe", [name for name in nibble_torch.recipes() if name != "bf16"])


def pytest_terminal_summary(terminalreporter):
    """The last line of every test command of this repository."""
    count = {name: len(terminalreporter.stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")}
    terminalreporter.write_line(f"{count['passed']} passed, {count['failed'] + count['error']} failed, "
                                f"{count['skipped']} skipped")
