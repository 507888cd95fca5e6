# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import experiment_report  # noqa: E402
import hybrid  # noqa: E402
import train_hybrid  # noqa: E402


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    draw = torch.Generator().manual_seed(0)
    size = train_hybrid.SEGMENT * train_hybrid.HELD_OUT
    path.write_bytes(torch.randint(97, 105, (size,), generator=draw, dtype=torch.uint8).numpy().tobytes())
    return path


def run(text, out, *more):
    return train_hybrid.Run(train_hybrid.parse(
        [str(text), "--out", str(out), "--shape", "tiny", "--steps", "4", "--batch", "2", "--length", "32", "--every", "2",
         "--validation", "2", "--checkpoint", "0", *more]))


def test_the_scan_in_chunks_is_the_recurrence():
    draw = torch.Generator().manual_seed(1)
    batch, time, heads, head, state = 2, 48, 3, 8, 4
    x = torch.randn(batch, time, heads, head, generator=draw).requires_grad_()
    dt = torch.rand(batch, time, heads, generator=draw) * 0.1
    log_decay = -dt * torch.tensor([1.0, 4.0, 16.0])
    b, c = (torch.randn(batch, time, state, generator=draw).requires_grad_() for _ in range(2))
    got = hybrid.scan(x, dt, log_decay, b, c, 16)
    at, expected = torch.zeros(batch, heads, head, state), []
    for t in range(time):
        added = torch.einsum("bhp,bn->bhpn", dt[:, t, :, None] * x[:, t], b[:, t])
        at = log_decay[:, t].exp()[..., None, None] * at + added
        expected.append(torch.einsum("bhpn,bn->bhp", at, c[:, t]))
    expected = torch.stack(expected, 1)
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()
    way = torch.randn(got.shape, generator=draw)
    for one, other in zip(torch.autograd.grad((got * way).sum(), (x, b, c), retain_graph=True),
                          torch.autograd.grad((expected * way).sum(), (x, b, c))):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max()


def test_no_byte_sees_what_follows_it():
    torch.manual_seed(3)
    model = hybrid.Hybrid(hybrid.TINY)
    h = torch.randn(1, 32, hybrid.TINY.width)
    changed = h.clone()
    changed[0, 20] += 1
    with torch.autocast("cpu", torch.bfloat16):
        for block in model.blocks:
            a, b = block(h), block(changed)
            assert torch.equal(a[0, :20], b[0, :20])
            assert not torch.equal(a[0, 20:], b[0, 20:])


def test_held_out_windows_share_no_byte_with_training(text):
    corpus = train_hybrid.Text(text, 32, torch.device("cpu"))
    held_out = set((corpus.validation // train_hybrid.SEGMENT).tolist())
    for step in (0, 1, len(corpus.training) // 4 + 1):  # two epochs
        corpus.batch(1, step, 4)
        first, last = corpus.order, corpus.order + corpus.length
        assert not held_out & set((first // train_hybrid.SEGMENT).tolist())
        assert torch.equal(first // train_hybrid.SEGMENT, last // train_hybrid.SEGMENT)
        assert len(set(first.tolist())) == len(first)


def test_a_run_that_was_stopped_comes_to_what_one_run_comes_to(text, tmp_path):
    more = ["--recipe", "nvfp4"]
    whole = run(text, tmp_path / "whole", *more)
    assert whole.go_on()
    assert not run(text, tmp_path / "parts", *more, "--seconds", "1e-9").go_on()
    rest = run(text, tmp_path / "parts", *more)
    assert rest.step == 2
    assert rest.go_on()
    assert rest.losses == whole.losses and rest.validations == whole.validations
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, rest.model.state_dict()[name]), name


def test_a_branch_goes_on_from_its_parent_and_another_run_does_not(text, tmp_path):
    parent = run(text, tmp_path / "parent", "--keep-at", "50")
    parent.go_on()
    branch = run(text, tmp_path / "branch", "--recipe", "nvfp4", "--branch", str(tmp_path / "parent" / "branch.pt"))
    assert branch.step == 2 and branch.losses == parent.losses[:2]
    branch.go_on()
    assert branch.losses[2:] != parent.losses[2:]
    with pytest.raises(SystemExit, match="another seed"):
        run(text, tmp_path / "other", "--seed", "2", "--branch", str(tmp_path / "parent" / "branch.pt"))


def test_the_rate_warms_up_stays_and_falls_to_a_hundredth():
    rates = [train_hybrid.rate_at(step, 1000, 1.0, 0.2) for step in range(1001)]
    assert rates[0] == 0.02 and rates[49] == rates[800] == 1.0
    assert rates[900] == pytest.approx(0.505) and rates[1000] == pytest.approx(0.01)


def test_the_report_pairs_runs_on_the_same_batches(tmp_path):
    made = {}
    for name, shift in (("bf16-1", 0.0), ("nvfp4-1", 0.5)):
        folder = tmp_path / name
        folder.mkdir()
        rows = [f"{step},{2.0 + shift * (step > 90)}," for step in range(1, 101)]
        (folder / "losses.csv").write_text("\n".join(["step,training_loss,validation_loss", *rows]) + "\n")
        made[name] = experiment_report.Arm(folder)
    assert experiment_report.gap(made["nvfp4-1"], made["bf16-1"]) == 0.5
