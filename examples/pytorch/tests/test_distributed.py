# SPDX-License-Identifier: Apache-2.0
"""Two processes, joined by gloo, against one: see distributed_worker.py for what each test compares."""
import json
import pathlib
import subprocess
import sys

import pytest

import distributed_worker

PROCESSES = 2


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distributed")
    worker = pathlib.Path(__file__).with_name("distributed_worker.py")
    started = [subprocess.Popen([sys.executable, worker, str(rank), str(PROCESSES), folder / "meet", folder / "result"])
               for rank in range(PROCESSES)]
    try:
        codes = [process.wait(timeout=600) for process in started]
    finally:
        for process in started:
            process.kill()
    assert codes == [0] * PROCESSES
    return [json.loads(pathlib.Path(f"{folder}/result.{rank}").read_text()) for rank in range(PROCESSES)]


@pytest.mark.parametrize("name", distributed_worker.CHECKS)
def test_two_processes(results, name):
    for rank, found in enumerate(results):
        assert not found[name], f"process {rank}: {found[name]}"
