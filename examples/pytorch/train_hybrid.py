#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the hybrid model of hybrid.py on bytes of text, its linear layers quantized by a recipe of nibble_torch.

    ./linux_corpus.py text.xz --compressed
    ./train_hybrid.py text.xz --recipe nvfp4 --out runs/nvfp4

Writes OUT/losses.csv as it goes, OUT/checkpoint.pt now and then and when it stops, OUT/summary.json at the end. The
same command again goes on from the checkpoint; batches and random numbers depend on seed and step alone, so that it
comes to what one run comes to. --branch starts from another run's checkpoint, under this run's recipe.
"""
import argparse
import hashlib
import json
import lzma
import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before CUDA starts: products that repeat
import torch  # noqa: E402

import hybrid  # noqa: E402

SEGMENT = 1 << 16    # bytes of text that are all for training or all held out
HELD_OUT = 50        # one segment of so many
SAME = ("shape", "seed", "steps", "batch", "length", "rate", "decay")  # of a run and its checkpoint, beside the text


class Text:
    """The corpus on the device, and which windows of it a step reads."""

    def __init__(self, path, length, device):
        raw = path.read_bytes()
        raw = lzma.decompress(raw) if path.suffix == ".xz" else raw
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.bytes = torch.frombuffer(bytearray(raw), dtype=torch.uint8).to(device)
        self.length, self.device = length, device
        segments = torch.arange(len(raw) // SEGMENT)
        held_out = segments % HELD_OUT == HELD_OUT - 1
        if not held_out.any() or length > SEGMENT // 2:
            raise SystemExit(f"the text has {len(raw)} bytes: too few for {HELD_OUT} segments of {SEGMENT}")
        # One window less than fit, so that an epoch can shift all of them.
        inside = torch.arange(SEGMENT // length - 1) * length
        self.training = (segments[~held_out, None] * SEGMENT + inside).flatten()
        self.validation = (segments[held_out, None] * SEGMENT + inside).flatten()

    def windows(self, starts):
        """(text, what follows each byte) of windows that start there."""
        index = starts.to(self.device)[:, None] + torch.arange(self.length + 1, device=self.device)
        text = self.bytes[index]
        return text[:, :-1], text[:, 1:]

    def batch(self, seed, step, size):
        """An epoch is one random order of all training windows, shifted by a random number of bytes."""
        steps = len(self.training) // size
        if not steps:
            raise SystemExit(f"the text has {len(self.training)} windows for training, fewer than a batch of {size}")
        epoch, at = divmod(step, steps)
        if getattr(self, "epoch", None) != (seed, epoch):
            draw = torch.Generator().manual_seed((seed << 20) + epoch)
            shift = torch.randint(self.length, (1,), generator=draw)
            self.order = self.training[torch.randperm(len(self.training), generator=draw)] + shift
            self.epoch = (seed, epoch)
        return self.windows(self.order[at * size:(at + 1) * size])

    def validation_batches(self, size, windows):
        """`windows` held-out windows spread over all of them, in batches."""
        count = min(windows or len(self.validation), len(self.validation)) // size * size
        chosen = torch.linspace(0, len(self.validation) - 1, max(count, size)).round().long()
        return [self.windows(self.validation[part]) for part in chosen.split(size)]


def rate_at(step, steps, peak, decay):
    """Warm-up over 5 % of the steps, then level, then down to 1 % over the last `decay` of them, in a line."""
    warm, fall = max(1, steps // 20), max(1, round(steps * decay))
    down = max(0.0, (step - (steps - fall)) / fall)
    return peak * min(1.0, (step + 1) / warm) * (1 - 0.99 * down)


def build(options, device):
    """The model under its recipe, and its optimizer."""
    torch.manual_seed(options.seed)
    model = hybrid.Hybrid(hybrid.SHAPES[options.shape]).to(device)
    advance = set_step = lambda *_: None
    if options.recipe != "bf16":
        import nibble_torch
        keep = {"plan": None, "none": (), "fp8": nibble_torch.Plan(first_blocks=1, last_blocks=2),
                "nvfp4": nibble_torch.Plan(last_percent=15)}[options.keep]
        nibble_torch.convert(model, options.recipe, keep=keep, seed=options.seed if options.draws is None else options.draws)
        advance, set_step = nibble_torch.advance, nibble_torch.set_step
    decayed = [p for p in model.parameters() if p.dim() == 2 and p is not model.embedding and p.shape[0] != 4]
    held = {id(p) for p in decayed}
    others = [p for p in model.parameters() if id(p) not in held]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  betas=(0.9, 0.95), fused=device.type == "cuda", capturable=device.type == "cuda")
    return model, optimizer, advance, set_step


def compile_parts(model):
    """Block by block: alike blocks share one compilation."""
    for block in model.blocks:
        block.compile()
    hybrid.loss_of = torch.compile(hybrid.loss_of)


class Run:
    """One arm: where it stands, and what it has written."""

    def __init__(self, options):
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.out = options.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.text = Text(options.text, options.length, self.device)
        self.model, self.optimizer, self.advance, self.set_step = build(options, self.device)
        self.step, self.losses, self.validations, self.rates = 0, [], {}, []
        self.facts = {name: getattr(options, name) for name in SAME} | {"text": self.text.sha256}
        own = self.out / "checkpoint.pt"
        if own.exists() or options.branch:
            self.load(own if own.exists() else options.branch, same_recipe=own.exists())
        self.set_step(self.model, self.step)
        self.rate = torch.zeros((), device=self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.batch = [torch.empty(options.batch, options.length, dtype=torch.uint8, device=self.device) for _ in range(2)]
        self.graph, self.loss, self.eager = None, None, 0
        if self.device.type == "cuda":
            compile_parts(self.model)
        self.quick = self.text.validation_batches(options.batch, options.validation)

    def load(self, path, same_recipe):
        saved = torch.load(path, map_location=self.device, weights_only=True)
        wrong = [name for name in self.facts if saved["facts"][name] != self.facts[name]]
        if same_recipe and saved["recipe"] != [self.options.recipe, self.options.keep]:
            wrong.append("recipe")
        if wrong:
            raise SystemExit(f"{path} is of a run with another {', '.join(wrong)}")
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.losses, self.validations = saved["step"], saved["losses"].tolist(), saved["validations"]

    def save(self, name):
        """Whole or not at all: under another name first."""
        path = self.out / name
        torch.save({"facts": self.facts, "recipe": [self.options.recipe, self.options.keep], "step": self.step,
                    "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                    "losses": torch.tensor(self.losses, dtype=torch.float64), "validations": self.validations},
                   path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def write_losses(self):
        lines = ["step,training_loss,validation_loss"]
        lines += [f"{step},{loss:.6f},{self.validations.get(step, '')}" for step, loss in enumerate(self.losses, 1)]
        path = self.out / "losses.csv"
        path.with_suffix(".new").write_text("\n".join(lines) + "\n")
        path.with_suffix(".new").replace(path)

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16)

    def validate(self, model, batches):
        """Mean loss of held-out text, in nats a byte."""
        with torch.no_grad(), self.autocast():
            return torch.stack([model(*batch) for batch in batches]).mean().item()

    def pass_and_update(self):
        """What a step does on the device, in the same places each time."""
        with self.autocast():
            loss = self.model(*self.batch)
        loss.backward()
        self.advance(self.model)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()

    def one_step(self):
        """One step of training; on a GPU a CUDA graph from the fourth on, so that launches cost no time."""
        self.rate.fill_(rate_at(self.step, self.options.steps, self.options.rate, self.options.decay))
        for place, values in zip(self.batch, self.text.batch(self.options.seed, self.step, self.options.batch)):
            place.copy_(values)
        if self.graph:
            self.graph.replay()
            loss = self.loss.clone()
        else:
            loss = self.pass_and_update()
            self.optimizer.zero_grad(set_to_none=True)
        self.step, self.eager = self.step + 1, self.eager + 1
        if self.device.type == "cuda" and self.options.graph and self.eager == 3:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.loss = self.pass_and_update()
                for parameter in self.model.parameters():
                    parameter.grad = None
        return loss

    def go_on(self):
        """Trains to the end, or until the time is up: then it returns False."""
        options, started, pending = self.options, time.monotonic(), []
        mark, marked = time.monotonic(), self.step
        while self.step < options.steps:
            pending.append(self.one_step())
            at_end, at_branch = self.step == options.steps, self.step == round(options.steps * options.keep_at / 100)
            validates = at_end or self.step % options.every == 0
            if not (validates or at_branch or len(pending) == 25):
                continue
            self.losses += torch.stack(pending).tolist()  # waits for the device
            pending = []
            now = time.monotonic()
            self.rates.append((self.step - marked) * options.batch * options.length / (now - mark))
            self.show(started)
            if not self.losses[-1] < 20:
                raise SystemExit(f"the loss is {self.losses[-1]} after step {self.step}: it diverged")
            if validates:
                self.validations[self.step] = self.validate(self.model, self.quick)
                self.write_losses()
            if at_branch:
                self.save("branch.pt")
            if options.seconds and now - started > options.seconds and not at_end:
                self.save("checkpoint.pt")
                return False
            if options.checkpoint and self.step % options.checkpoint == 0:
                self.save("checkpoint.pt")
            mark, marked = time.monotonic(), self.step
        return True

    def show(self, started):
        done = self.step / self.options.steps
        line = (f"{self.out.name:<20} [{'#' * int(done * 30):<30}] {self.step}/{self.options.steps}  "
                f"loss {sum(self.losses[-25:]) / len(self.losses[-25:]):.4f}  {self.rates[-1] / 1e6:.3f} MB/s  "
                f"{time.monotonic() - started:.0f} s")
        print(line, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    def held_for_backward(self):
        """Bytes of device memory that one forward pass leaves for its backward pass."""
        batch = self.text.batch(self.options.seed, 0, self.options.batch)
        with self.autocast():
            self.model(*batch).backward()
            self.optimizer.zero_grad(set_to_none=True)
            before = torch.cuda.memory_allocated()
            loss = self.model(*batch)
            held = torch.cuda.memory_allocated() - before
        loss.backward()
        self.optimizer.zero_grad(set_to_none=True)
        return held

    def finish(self):
        """Validates on all held-out text as trained, on some of it in bf16 too, and writes what came out."""
        self.graph = self.loss = None
        torch.cuda.empty_cache()
        every = self.text.validation_batches(self.options.batch, None)
        summary = dict(self.facts, recipe=self.options.recipe, keep=self.options.keep, torch=torch.__version__,
                       validation=self.validate(self.model, every), quick_validation=self.validate(self.model, self.quick),
                       training=statistics.fmean(self.losses[-100:]),
                       bytes_per_second=statistics.median(self.rates) if self.rates else None)
        plain = hybrid.Hybrid(self.model.shape).to(self.device)
        plain.load_state_dict(self.model.state_dict())
        summary["quick_validation_in_bf16"] = self.validate(plain, self.quick)
        if self.device.type == "cuda":
            summary.update(device=torch.cuda.get_device_name(), held_for_backward=self.held_for_backward(),
                           peak_memory=torch.cuda.max_memory_allocated())
        (self.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        return summary


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=pathlib.Path, help="the corpus, plain or .xz")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of this run")
    parser.add_argument("--recipe", default="bf16", help="bf16, or a name of nibble_torch.recipes()")
    parser.add_argument("--keep", default="plan", choices=("plan", "none", "nvfp4", "fp8"),
                        help="linear layers that stay bf16: the recipe's plan, none, the last 15 %% (nvfp4), first and last two blocks (fp8)")
    parser.add_argument("--shape", default="h30", choices=hybrid.SHAPES)
    parser.add_argument("--seed", type=int, default=1, help="of weights, batches and the recipe's random numbers")
    parser.add_argument("--draws", type=int, help="seed of the recipe's random numbers, where not --seed")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64, help="windows a step")
    parser.add_argument("--length", type=int, default=1024, help="bytes a window")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--decay", type=float, default=0.2, help="share of the steps over which the rate falls")
    parser.add_argument("--every", type=int, default=100, help="steps from one validation to the next")
    parser.add_argument("--validation", type=int, default=512, help="held-out windows of a validation on the way")
    parser.add_argument("--checkpoint", type=int, default=500, help="steps from one checkpoint to the next, 0 for none")
    parser.add_argument("--keep-at", type=float, default=0, help="also keep branch.pt at this percentage of the steps")
    parser.add_argument("--branch", type=pathlib.Path, help="start from this checkpoint of another recipe's run")
    parser.add_argument("--no-graph", dest="graph", action="store_false", help="launch kernels one by one")
    parser.add_argument("--seconds", type=float, default=0, help="stop with a checkpoint after so long, 0 for never")
    options = parser.parse_args(arguments)
    if options.out.exists() and (options.out / "summary.json").exists():
        parser.error(f"{options.out} holds a run that is done")
    return options


def main(arguments=None):
    options = parse(arguments)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # for finding bugs, and slow
    torch.backends.cuda.enable_cudnn_sdp(False)  # its backward pass sums in no fixed order
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    run = Run(options)
    if not run.go_on():
        print(f"time is up at step {run.step}: the same command goes on", file=sys.stderr)
        return 3
    run.write_losses()
    print(json.dumps(run.finish()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
