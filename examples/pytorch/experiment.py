#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the arms of docs/experiment.md on all cards, and stops in time with every run resumable.

    ./experiment.py text.txt --out runs --steps 1600 --seconds 500
    ./experiment_report.py runs

An arm that is done is not run again; one that was stopped goes on. An ablation branches from its parent's checkpoint
at 60 % of the steps, as in the paper. Arguments after -- go to train_hybrid.py.
"""
import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BRANCH_AT = 60  # percent of the steps
ENOUGH = 12     # seconds under which no arm is started any more


@dataclasses.dataclass(frozen=True)
class Arm:
    name: str
    recipe: str
    keep: str = "nvfp4"        # which linear layers stay bf16: see train_hybrid.py
    seed: int = 1
    parent: str | None = None  # branches from this arm
    draws: int | None = None   # another seed of the recipe's random numbers only


# The order is the order of starting: long ones first, branches as soon as their parent is that far.
ARMS = [
    Arm("nvfp4-1", "nvfp4"),
    Arm("mxfp4-1", "mxfp4"),
    Arm("fp8-1", "fp8", keep="fp8"),
    Arm("bf16-1", "bf16"),
    Arm("nvfp4-2", "nvfp4", seed=2),
    Arm("fp8-2", "fp8", keep="fp8", seed=2),
    Arm("bf16-2", "bf16", seed=2),
    Arm("nearest", "nvfp4_nearest", parent="nvfp4-1"),
    Arm("four_over_six", "four_over_six", parent="nvfp4-1"),
    Arm("sr_forward", "nvfp4_sr_forward", parent="nvfp4-1"),
    Arm("no_tail", "nvfp4", keep="none", parent="nvfp4-1"),
    Arm("quartet2", "quartet2", parent="nvfp4-1"),
    Arm("redraw", "nvfp4", parent="nvfp4-1", draws=1001),
    Arm("mxfp4-2", "mxfp4", seed=2),
]


def command(arm, options, seconds):
    """What trains an arm for at most so many seconds."""
    parts = [sys.executable, HERE / "train_hybrid.py", options.text, "--out", options.out / arm.name, "--recipe", arm.recipe,
             "--keep", arm.keep, "--seed", arm.seed, "--steps", options.steps, "--seconds", round(seconds, 1)]
    if arm.parent:
        parts += ["--branch", options.out / arm.parent / "branch.pt"]
    elif any(other.parent == arm.name for other in ARMS):
        parts += ["--keep-at", BRANCH_AT]
    if arm.draws is not None:
        parts += ["--draws", arm.draws]
    return [str(part) for part in parts] + options.rest


def is_done(arm, out):
    return (out / arm.name / "summary.json").exists()


def can_start(arm, out):
    return arm.parent is None or (out / arm.parent / "branch.pt").exists()


def cards():
    """The ids of the visible cards, without starting CUDA here."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        return visible.split(",")
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU")]


def schedule(options):
    """Runs arms until all are done or the time is up; returns those that are not done."""
    until = time.monotonic() + options.seconds
    known = {arm.name for arm in ARMS}
    if unknown := set(options.only or ()) - known:
        raise SystemExit(f"no arm is called {', '.join(sorted(unknown))}: there are {', '.join(sorted(known))}")
    chosen = [arm for arm in ARMS if not options.only or arm.name in options.only]
    waiting = [arm for arm in chosen if not is_done(arm, options.out)]
    free, running = cards() * options.together, {}
    (options.out / "logs").mkdir(parents=True, exist_ok=True)
    while running or waiting:
        left = until - time.monotonic()
        for arm in list(waiting):
            if free and left > ENOUGH and can_start(arm, options.out):
                waiting.remove(arm)
                card = free.pop(0)
                with open(options.out / "logs" / f"{arm.name}.txt", "ab") as log:
                    # Stops itself a little early: validation and the checkpoint come after.
                    process = subprocess.Popen(command(arm, options, left - ENOUGH / 2), stdout=log, stderr=log,
                                               env=dict(os.environ, CUDA_VISIBLE_DEVICES=card))
                running[arm.name] = (process, card)
                print(f"{options.seconds - left:6.1f} s  card {card}  {arm.name} starts", flush=True)
        for name, (process, card) in list(running.items()):
            if process.poll() is not None:
                del running[name]
                free.append(card)
                how = {0: "is done", 3: "is stopped, can go on"}.get(process.returncode, f"FAILED with {process.returncode}")
                print(f"{options.seconds - left:6.1f} s  card {card}  {name} {how}", flush=True)
        if not running and left <= ENOUGH:
            break
        if not running and not any(can_start(arm, options.out) for arm in waiting):
            break  # what they would branch from failed
        time.sleep(0.2)
    return [arm.name for arm in chosen if not is_done(arm, options.out)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=pathlib.Path, help="the corpus, plain or .xz")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="for all arms together")
    parser.add_argument("--together", type=int, default=1,
                        help="arms on a card at once: one starts while another trains; their speeds then say nothing")
    parser.add_argument("--only", nargs="+", help="these arms")
    own, rest = (sys.argv[1:], [])
    if "--" in own:
        own, rest = own[:own.index("--")], own[own.index("--") + 1:]
    options = parser.parse_args(own)
    options.rest = rest
    left = schedule(options)
    print("every arm is done" if not left else f"not done: {', '.join(left)}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
