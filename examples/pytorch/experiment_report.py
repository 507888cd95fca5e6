#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tables and charts of the runs that experiment.py made.

    ./experiment_report.py RUNS [--charts FOLDER]

Prints Markdown; writes training_loss.svg, and gap_to_fp8.svg with each arm's paired gap. A paired gap is the mean
difference of the training losses of two runs over the last tenth of the steps, on the same batches.
"""
import argparse
import csv
import json
import math
import pathlib
import statistics
import sys

COLOURS = {"bf16": "#222222", "fp8": "#0072b2", "nvfp4": "#009e73", "mxfp4": "#d55e00", "nearest": "#cc79a7",
           "four_over_six": "#56b4e9", "sr_forward": "#e69f00", "no_tail": "#8c6d31", "quartet2": "#7b4173", "redraw": "#999999"}


class Arm:
    """What one run left behind."""

    def __init__(self, folder):
        self.name, self.kind = folder.name, folder.name.split("-")[0]
        self.summary = json.loads((folder / "summary.json").read_text()) if (folder / "summary.json").exists() else None
        with open(folder / "losses.csv", newline="") as rows:
            rows = list(csv.DictReader(rows))
        self.losses = [float(row["training_loss"]) for row in rows]
        self.validations = {int(row["step"]): float(row["validation_loss"]) for row in rows if row["validation_loss"]}

    @property
    def is_done(self):
        return self.summary is not None


def gap(arm, reference):
    """Mean difference of training losses, on the same batches, over the last tenth of the steps."""
    count = len(arm.losses)
    first = count - count // 10
    return statistics.fmean(a - b for a, b in zip(arm.losses[first:], reference.losses[first:], strict=True))


def moving(values, window):
    """The mean of the last `window` values, where there are so many."""
    total, out = 0.0, []
    for at, value in enumerate(values):
        total += value - (values[at - window] if at >= window else 0.0)
        out.append(total / min(at + 1, window))
    return out


def round_numbers(low, high, count=6):
    """About so many round numbers from low to high."""
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    unit *= next(factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [unit * at for at in range(math.ceil(low / unit), math.floor(high / unit) + 1)]


def chart(title, unit, lines, low, high, length):
    """An SVG of lines {name: [(step, value)]}."""
    left, top, width, height = 80, 48, 540, 330

    def place(step, value):
        return left + width * step / length, top + height * (high - min(max(value, low), high)) / (high - low)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 440" font-family="sans-serif" font-size="13">',
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           f'<text x="{left}" y="26" font-size="16" font-weight="bold" fill="#222222">{title}</text>']
    for value in round_numbers(low, high):
        y = place(0, value)[1]
        out.append(f'<path d="M{left} {y:.1f}h{width}" stroke="#e4e4e4"/><text x="{left - 8}" y="{y + 4:.1f}" '
                   f'text-anchor="end" fill="#555555">{value:.4g}</text>')
    for step in round_numbers(0, length):
        x = place(step, low)[0]
        out.append(f'<path d="M{x:.1f} {top + height}v5" stroke="#888888"/><text x="{x:.1f}" y="{top + height + 20}" '
                   f'text-anchor="middle" fill="#555555">{step:.0f}</text>')
    out.append(f'<path d="M{left} {top + height}h{width}" stroke="#888888"/>')
    out.append(f'<text x="{left + width / 2}" y="{top + height + 42}" text-anchor="middle" fill="#222222">step</text>')
    out.append(f'<text transform="rotate(-90 18 {top + height / 2})" x="18" y="{top + height / 2}" text-anchor="middle" '
               f'fill="#222222">{unit}</text>')
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS.get(name.split("-")[0], "#444444")
        dash = ' stroke-dasharray="5 3"' if name.endswith("-2") else ""
        path = "L".join("{:.1f} {:.1f}".format(*place(*point)) for point in points)
        out.append(f'<path fill="none" stroke="{colour}" stroke-width="1.4"{dash} d="M{path}"/>')
        y = top + 14 + 20 * number
        out.append(f'<path d="M{left + width + 16} {y - 4}h22" stroke="{colour}" stroke-width="2.5"{dash}/>'
                   f'<text x="{left + width + 44}" y="{y}" fill="#222222">{name}</text>')
    return "\n".join(out) + "\n</svg>\n"


def charts(arms, folder):
    folder.mkdir(parents=True, exist_ok=True)
    length = max(len(arm.losses) for arm in arms.values())
    window = max(1, length // 40)
    smooth = {name: moving(arm.losses, window) for name, arm in arms.items()}
    thin = range(window, length, max(1, length // 200))
    lines = {name: [(step, values[step]) for step in thin if step < len(values)] for name, values in smooth.items()}
    last = min(values[-1] for values in smooth.values())
    (folder / "training_loss.svg").write_text(
        chart("Training loss", "nats a byte (moving average)", lines, last * 0.97, last * 1.6, length))
    if "fp8-1" not in arms:
        return
    lines = {}
    for name, arm in arms.items():
        reference = arms.get(f"fp8-{arm.summary['seed'] if arm.summary else name[-1]}")
        if arm.kind == "fp8" or reference is None:
            continue
        count = min(len(arm.losses), len(reference.losses))
        apart = [100 * (a / b - 1) for a, b in zip(moving(arm.losses, 2 * window), moving(reference.losses, 2 * window))]
        lines[name] = [(step, apart[step]) for step in thin if 2 * window <= step < count]
    values = [value for points in lines.values() for _, value in points]
    (folder / "gap_to_fp8.svg").write_text(
        chart("Training loss against FP8, same batches", "percent of FP8's loss (moving average)", lines,
              min(values) - 0.2, min(max(values) + 0.2, 6.0), length))


def table(header, rows):
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header)] +
                     ["| " + " | ".join(row) + " |" for row in rows])


def percent(value, reference):
    return f"{100 * (value / reference - 1):+.2f}"


def spreads_of(arms):
    """{kind: difference between the two seeds' paired gaps to BF16}, of the arms that have two."""
    found = {}
    for kind in ("fp8", "nvfp4", "mxfp4"):
        names = [f"{kind}-1", f"{kind}-2", "bf16-1", "bf16-2"]
        if all(name in arms for name in names):
            one, two, base_one, base_two = (arms[name] for name in names)
            found[kind] = abs(gap(one, base_one) - gap(two, base_two))
    return found


def report(arms):
    done = {name: arm for name, arm in arms.items() if arm.is_done}
    rows = []
    for name, arm in done.items():
        summary = arm.summary
        references = [done.get(f"{kind}-{summary['seed']}") for kind in ("fp8", "bf16")]
        row = [name, f"{summary['validation']:.4f}", f"{summary['quick_validation_in_bf16'] - summary['quick_validation']:+.4f}"]
        for reference in references:
            row.append("-" if reference in (None, arm) else percent(summary["validation"], reference.summary["validation"]))
        row += ["-" if reference in (None, arm) else f"{gap(arm, reference):+.4f}" for reference in references]
        parent = done.get("nvfp4-1") if summary["seed"] == 1 and arm.kind not in ("nvfp4", "bf16", "fp8") else None
        row.append(f"{gap(arm, parent):+.4f}" if parent else "-")
        row += [f"{summary['bytes_per_second'] / 1e6:.3f}", f"{summary['held_for_backward'] / 2**30:.2f}" if "held_for_backward" in summary else "-"]
        rows.append(row)
    print(table(["arm", "validation loss", "evaluated in bf16 instead", "to FP8, %", "to BF16, %", "paired to FP8, nats", "paired to BF16",
                 "paired to nvfp4-1", "MB/s", "held for backward, GiB"], rows))
    if spreads := spreads_of(done):
        print(f"\nSeed spread (difference between the seeds' paired gaps to BF16, in nats): "
              f"{', '.join(f'{kind} {spread:.5f}' for kind, spread in spreads.items())}; "
              f"an order is claimed beyond {2 * max(spreads.values()):.5f}, twice the largest.")
    if left := sorted(set(arms) - set(done)):
        print(f"\nNot done: {', '.join(left)}.")
    for seed in (1, 2):
        one, other = arms.get(f"nvfp4-{seed}"), arms.get(f"fp8-{seed}")
        if one and other:
            shared = sorted(set(one.validations) & set(other.validations))
            print(f"\nnvfp4-{seed} to fp8-{seed} in validation loss on the way, %: " +
                  ", ".join(f"{step}: {percent(one.validations[step], other.validations[step])}" for step in shared))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--charts", type=pathlib.Path, help="folder for the SVG files")
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.runs.glob("*/losses.csv"))
    if not folders:
        sys.exit(f"{options.runs} holds no run")
    order = list(COLOURS)
    arms = {arm.name: arm for arm in sorted(map(Arm, folders), key=lambda arm: (order.index(arm.kind) if arm.kind in order else 99, arm.name))}
    report(arms)
    if options.charts:
        charts(arms, options.charts)


if __name__ == "__main__":
    main()
