#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets a program run for long and sees whether its memory grows.

soak.py --minutes N -- PROGRAM [ARGUMENT...]
soak.py --self-test

Samples the resident memory (Linux: /proc/PID/statm) twenty times a second and prints the most of each
tenth of the time. At the end the program gets what Ctrl-C sends, unless it has ended by itself. Exit
status 1 where the program fails, or where the most of the last quarter is more than a percent and a
MiB above the most of the second: the first is for what is allocated once.
"""
import argparse
import os
import signal
import subprocess
import sys
import time

INTERRUPTED = (0, 130, -signal.SIGINT)
PAUSE = 0.05  # s


def resident(pid):
    """Bytes of memory that the process has; none once it has ended."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def samples_of(command, seconds):
    """What the program had, twenty times a second, its exit status, and how long it ran."""
    samples = []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # A shell in the background has its commands ignore Ctrl-C.
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, preexec_fn=heed, **quiet) as process:
        start = time.monotonic()
        while time.monotonic() < start + seconds and process.poll() is None:
            samples.append(resident(process.pid))
            time.sleep(PAUSE)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        return samples, process.wait(), time.monotonic() - start


def parts(samples, count):
    """The most of each of so many equal parts of the time."""
    return [max(samples[len(samples) * i // count:len(samples) * (i + 1) // count]) for i in range(count)]


def soak(command, seconds):
    """The lines of the outcome, and whether it is good."""
    samples, status, took = samples_of(command, seconds)
    if status not in INTERRUPTED:
        return [f"the program failed with exit status {status}"], False
    if len(samples) < 40:
        return [f"the program ended after {took:.0f} s: too short to tell"], False
    mebibytes = [f"{most / 2**20:.1f}" for most in parts(samples, 10)]
    _, second, _, last = parts(samples, 4)
    grown = last > second * 1.01 + 2**20
    return [f"{took / 60:.1f} minutes, MiB in each tenth: {' '.join(mebibytes)}",
            f"last quarter {last / 2**20:.1f} MiB, second {second / 2**20:.1f}: {'GROWN' if grown else 'no growth'}"], not grown


def self_test():
    """A program that leaks, one that does not, one that fails, one that is too short."""
    def outcome(text):
        return soak([sys.executable, "-c", text], 3)[1]
    leak = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(1 << 20))\n    time.sleep(0.1)\n"
    steady = leak.replace("kept.append(", "kept = (")
    return outcome(leak), outcome(steady), outcome("raise SystemExit(3)"), outcome("pass")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()
    if options.self_test:
        found = self_test()
        print("leak, steady, failing, short:", *found)
        return 0 if found == (False, True, False, False) else 1
    if not options.command:
        parser.error("got no program")
    lines, good = soak(options.command, options.minutes * 60)
    print(*lines, sep="\n", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
