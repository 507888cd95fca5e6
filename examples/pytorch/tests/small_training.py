# SPDX-License-Identifier: Apache-2.0
"""A training run of several processes that writes a checkpoint every step, and may lose a process at one.

    small_training.py FOLDER STEPS [LOST_AT]
"""
import os
import pathlib
import signal
import sys

import torch
import torch.distributed as dist
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import nibble_torch as nt  # noqa: E402


def main(folder, steps, lost_at=-1):
    checkpoint = pathlib.Path(folder, "checkpoint.pt")
    dist.init_process_group("gloo")
    rank, count = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    blocks = nn.Sequential(*(nn.Linear(32, 32) for _ in range(2)))
    model = nt.convert(blocks, keep=(), mode="exact", data_group=dist.group.WORLD)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    nt.set_step(model, first)
    wrapped = nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)
    for step in range(first, int(steps)):
        x = torch.randn(32 * count, 32, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        if step == int(lost_at) and rank == count - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        wrapped(x.chunk(count)[rank]).square().mean().backward()
        optimizer.step()
        nt.advance(model)
        if rank == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(state, checkpoint.with_suffix(".new"))
            os.replace(checkpoint.with_suffix(".new"), checkpoint)
            print("step", step + 1, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
