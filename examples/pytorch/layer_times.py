#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The time of a pass forward and backward of one layer under each recipe, as Markdown: the table of README.md.

    ./layer_times.py [--shapes 8192x1024x4096 ...]

Weights in FP32, autocast to bf16; each operator launched by itself, and, on a GPU, captured in a CUDA graph.
"""
import argparse
import time

import torch
from torch import nn

import nibble_torch as nt


def milliseconds(call, device, repeats):
    """The mean time of a call, after five for warming up."""
    def run(count):
        for _ in range(count):
            call()
        if device == "cuda":
            torch.cuda.synchronize()
    run(5)
    start = time.perf_counter()
    run(repeats)
    return (time.perf_counter() - start) / repeats * 1e3


def captured(call):
    """The call as a CUDA graph."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=["8192x1024x4096", "65536x512x2048"], help="tokens x inputs x outputs")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    print("| tokens x inputs x outputs | recipe | launched, ms | of bf16 | in a graph, ms | of bf16 |\n" + "|---" * 6 + "|")
    for shape in options.shapes:
        tokens, inputs, outputs = map(int, shape.split("x"))
        x = torch.randn(tokens, inputs, device=options.device, dtype=torch.bfloat16, requires_grad=True)
        dy = torch.randn(tokens, outputs, device=options.device, dtype=torch.bfloat16)
        plain = nn.Linear(inputs, outputs, bias=False, device=options.device)
        of_plain = None
        for recipe in nt.recipes():
            layer = plain if recipe == "bf16" else nt.Linear.of(plain, recipe)

            def one():
                with torch.autocast(options.device, torch.bfloat16):
                    y = layer(x)
                x.grad = layer.weight.grad = None
                y.backward(dy)
            found = [milliseconds(one, options.device, options.repeats)]
            if options.device == "cuda":
                found.append(milliseconds(captured(one), options.device, options.repeats))
            of_plain = of_plain or found
            cells = [f"{taken:.3f} | {taken / other:.2f}" for taken, other in zip(found, of_plain)]
            print(f"| {shape} | {recipe} | " + " | ".join(cells + ["- | -"] * (2 - len(cells))) + " |", flush=True)


if __name__ == "__main__":
    main()
