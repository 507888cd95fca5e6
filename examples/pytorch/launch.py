#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts a training script in several processes of this machine and ends them all when one of them ends badly.

    launch.py -n 4 [--logs FOLDER] SCRIPT [ARGUMENTS]

Each process finds RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in its environment, as torchrun sets them.
What process 0 writes to stdout is shown; everything else is in FOLDER (default: logs), a file for each process. When a
process fails, one line says which, how and why, and the others are ended: none waits for it.
"""
import argparse
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def how_it_ended(status):
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def last_line(path):
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return re.sub(r"^\[rank\d+\]: *", "", lines[-1]) if lines else ""


def end(processes, grace=5.0):
    """Asks the processes that still run to end, and kills those that do not."""
    running = [p for p in processes if p.poll() is None]
    for p in running:
        p.terminate()
    until = time.monotonic() + grace
    for p in running:
        try:
            p.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def launch(count, command, logs):
    """Runs the command in `count` processes; returns the first failure as (process, status), or None."""
    logs.mkdir(parents=True, exist_ok=True)
    port = free_port()
    processes = []
    try:
        for rank in range(count):
            env = dict(os.environ, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count),
                       MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
            with open(logs / f"{rank}.log", "wb") as log:
                processes.append(subprocess.Popen(command, env=env, stderr=log, stdout=None if rank == 0 else log))
        while True:
            ended = [(rank, p.returncode) for rank, p in enumerate(processes) if p.poll() is not None]
            # A process that was killed is the cause; others that failed since then lost it.
            failed = sorted((each for each in ended if each[1] != 0), key=lambda each: each[1] > 0)
            if failed:
                return failed[0]
            if len(ended) == count:
                return None
            time.sleep(0.02)
    finally:
        end(processes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, required=True, help="processes, one for each GPU")
    parser.add_argument("--logs", type=pathlib.Path, default=pathlib.Path("logs"))
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.n < 1:
        parser.error(f"got {options.n} processes; need 1 or more")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that launch ends the others
    failed = launch(options.n, [sys.executable, options.script, *options.arguments], options.logs)
    if failed is None:
        return 0
    rank, status = failed
    why = last_line(options.logs / f"{rank}.log") if status > 0 else ""
    print(f"launch: process {rank} of {options.n} {how_it_ended(status)}{': ' + why if why else ''}; all were ended, "
          f"see {options.logs}/{rank}.log; start again to go on from the last checkpoint", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
