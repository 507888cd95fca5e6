# SPDX-License-Identifier: Apache-2.0
"""A job that loses a process says so in one line, and goes on from its checkpoint as if nothing had happened."""
import pathlib
import subprocess
import sys
import time

import torch

HERE = pathlib.Path(__file__).parent


def launch(folder, *arguments, processes=2):
    return subprocess.run([sys.executable, HERE.parent / "launch.py", "-n", str(processes), "--logs", folder / "logs",
                           HERE / "small_training.py", folder, *arguments], capture_output=True, text=True, timeout=300)


def test_a_killed_process_ends_the_job_with_one_line_and_the_checkpoint_is_whole(tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    for folder in (straight, broken):
        folder.mkdir()
    assert launch(straight, "6").returncode == 0
    lost = launch(broken, "6", "3")
    assert lost.returncode == 1
    assert lost.stderr == (f"launch: process 1 of 2 was killed by SIGKILL; all were ended, see {broken}/logs/1.log; "
                           "start again to go on from the last checkpoint\n")
    assert torch.load(broken / "checkpoint.pt")["step"] == 3
    assert launch(broken, "6").returncode == 0
    a, b = (torch.load(folder / "checkpoint.pt")["model"] for folder in (straight, broken))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_reason_of_a_failure_is_in_the_line(tmp_path):
    failed = launch(tmp_path, "many", processes=1)
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1
    assert "process 0 of 1 ended with status 1: ValueError: invalid literal for int()" in failed.stderr


def test_a_launcher_that_is_told_to_end_ends_its_processes(tmp_path):
    script = tmp_path / "sleep.py"
    script.write_text("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    started = subprocess.Popen([sys.executable, HERE.parent / "launch.py", "-n", "1", "--logs", tmp_path, script],
                               stdout=subprocess.PIPE, text=True)
    pid = int(started.stdout.readline())
    started.terminate()
    assert started.wait(60) == 143
    until = time.monotonic() + 60
    while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not pathlib.Path(f"/proc/{pid}").exists()
