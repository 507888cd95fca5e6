# SPDX-License-Identifier: Apache-2.0
"""The layer in a model: what is converted, what is drawn, what is kept, and under torch.compile and CUDA graphs."""
import copy

import pytest
import torch
from torch import nn

import nibble_torch as nt
from test_operators import numbers, same


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width, bias=False), nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(nn.functional.relu(self.up(x)) ** 2)


class Model(nn.Module):
    def __init__(self, blocks=4, width=32):
        super().__init__()
        self.embedding = nn.Linear(width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.head = nn.Linear(width, 8)

    def forward(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def made(device="cpu", recipe="nvfp4", **more):
    torch.manual_seed(0)
    return nt.convert(Model().to(device), recipe, **more)


def gradients(model, x):
    model.zero_grad()
    model(x).square().sum().backward()
    return [p.grad.clone() for p in model.parameters()]


def quantized(model):
    return [name for name, module in model.named_modules() if isinstance(module, nt.Linear)]


def test_a_plan_keeps_layers_by_depth_and_name():
    in_all = [f"blocks.{b}.{name}" for b in range(4) for name in ("up", "down")]
    assert quantized(made()) == in_all[:6]  # 15 % of 4 blocks is 1, rounded up
    assert quantized(made(recipe="quartet2")) == in_all
    assert quantized(made(keep=())) == in_all
    assert quantized(made(keep=nt.Plan(first_blocks=1, last_blocks=2))) == in_all[2:4]
    assert quantized(made(keep=nt.Plan(roles=("down",)))) == in_all[::2]
    assert quantized(made(keep=["blocks.0.*", "*.up"])) == in_all[3::2]
    assert quantized(made(keep=lambda name, module, block, blocks: block % 2 == 0)) == in_all[2:4] + in_all[6:]
    assert quantized(made(recipe="bf16")) == []
    layers = {name: module.layer for name, module in made(keep=["*.up"]).named_modules() if isinstance(module, nt.Linear)}
    assert layers == {f"blocks.{b}.down": 2 * b + 1 for b in range(4)}
    with pytest.raises(ValueError, match="numbered block"):
        nt.convert(nn.Sequential())
    with pytest.raises(TypeError, match="need None"):
        made(keep="*.up")


def test_parameters_stay_the_same_objects_under_the_same_names():
    torch.manual_seed(0)
    model = Model()
    before = dict(model.named_parameters())
    after = dict(nt.convert(model).named_parameters())
    assert list(before) == list(after) and all(before[name] is after[name] for name in before)
    assert set(model.state_dict()) == set(before)


def test_random_numbers_follow_from_seed_layer_and_step(device):
    x = numbers(32, 32, device=device)
    model = made(device, mode="exact")
    nt.set_step(model, 4)
    first = gradients(model, x)
    assert same(first, gradients(model, x))
    nt.advance(model)
    fifth = gradients(model, x)
    assert not same(first, fifth)
    resumed = made(device, mode="exact")
    nt.set_step(resumed, 5)
    assert same(fifth, gradients(resumed, x))
    assert not same(first, gradients(made(device, mode="exact", seed=1), x))
    assert torch.equal(resumed.blocks[1].up.streams.cpu(), nt.streams(2, 5))


def test_a_step_that_changes_between_forward_and_backward_is_refused():
    model = made()
    y = model(numbers(32, 32))
    nt.advance(model)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_what_is_kept_for_the_backward_pass_is_codes(device):
    tokens, inputs, outputs = 256, 512, 128
    kept = []
    def pack(t):
        kept.append(t)
        return t
    layer = nt.Linear(inputs, outputs, bias=False, device=device)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        layer(numbers(tokens, inputs, device=device, dtype=torch.bfloat16).requires_grad_())
    sizes = sorted(t.numel() * t.element_size() for t in kept)
    assert sizes == [72, outputs * inputs * 9 // 16 + 256, tokens * inputs * 9 // 16 + 256]  # streams, weight, x
    with torch.no_grad():
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            layer(numbers(tokens, inputs, device=device))
    assert kept == []


def test_any_leading_dimensions_and_a_bias(device):
    layer = nt.Linear(32, 16, mode="exact", device=device)
    with torch.no_grad():
        layer.bias.copy_(torch.arange(16))
    x = numbers(24, 32, device=device)
    flat = layer(x)
    assert same([layer(x.view(2, 3, 4, 32)).reshape(24, 16)], [flat])
    without = flat.detach() - layer.bias.detach()
    layer.bias = None
    assert torch.allclose(layer(x), without, atol=1e-4)


def test_autocast_multiplies_in_its_type(device):
    layer = nt.Linear(32, 16, device=device)
    x = numbers(32, 32, device=device).requires_grad_()
    with torch.autocast(device, torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    assert layer.weight.grad.dtype == torch.float32 and x.grad.dtype == torch.float32


def test_weights_can_be_quantized_once_for_several_passes(device, recipe):
    x = numbers(32, 32, device=device)
    layer = nt.Linear(32, 32, recipe=recipe, mode="exact", device=device)
    alone = gradients(layer, x)
    with nt.reuse_weights(layer):
        assert same(alone, gradients(layer, x))
        first = layer._made
        assert same(alone, gradients(layer, x)) and layer._made is first
    assert layer._made is None


@pytest.mark.parametrize("recipe", ["nvfp4", "quartet2"])
def test_a_compiled_model_has_the_same_bytes(device, recipe):
    backend = "inductor" if device == "cuda" else "aot_eager"
    model = made(device, recipe, mode="exact", keep=())
    layer = model.blocks[0].up
    compiled = torch.compile(copy.deepcopy(layer), backend=backend, fullgraph=True)
    for tokens in (32, 48):
        x = numbers(tokens, 32, device=device)
        assert same(gradients(layer, x), gradients(compiled, x))
        nt.advance(layer), nt.advance(compiled)
    whole = torch.compile(copy.deepcopy(model), backend="aot_eager", fullgraph=True)
    x = numbers(32, 32, device=device)
    assert same(gradients(model, x), gradients(whole, x))


def test_a_replayed_graph_draws_new_numbers(gpu):
    model = made(gpu, mode="exact", keep=())
    x = numbers(64, 32, device=gpu)
    eager = copy.deepcopy(model)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            gradients(model, x)
    torch.cuda.current_stream().wait_stream(side)
    model.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model(x).square().sum().backward()
        nt.advance(model)
    nt.set_step(model, 0)
    for step in range(3):
        nt.set_step(eager, step)
        for p in model.parameters():
            p.grad.zero_()
        graph.replay()
        assert same(gradients(eager, x), [p.grad for p in model.parameters()]), step


def test_a_layer_made_without_memory_gets_its_streams_with_its_parameters():
    layer = nt.Linear(32, 32, layer=5, device="meta").to_empty(device="cpu")
    layer.reset_parameters()
    assert torch.equal(layer.streams, nt.streams(5))


def test_training_lowers_the_loss(device):
    model = made(device, keep=())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    x, target = numbers(256, 32, device=device), numbers(256, 8, seed=4, device=device)
    losses = []
    for _ in range(30):
        loss = nn.functional.mse_loss(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        nt.advance(model)
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
