# SPDX-License-Identifier: Apache-2.0
"""The operators against nibble::linear, against each other on both processors, and under PyTorch's tracers."""
import pathlib

import pytest
import torch

import nibble_torch as nt
from nibble_torch.operators import OPERANDS, ROLES, facts, layout, ops

SHAPES = [(64, 128, 48), (33, 40, 17), (1, 16, 1), (130, 272, 144)]  # tokens, inputs, outputs


def numbers(*shape, seed=1, device="cpu", dtype=torch.float32):
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (made * torch.exp2(torch.randint(-3, 4, (shape[0], 1), generator=torch.Generator().manual_seed(seed + 9)))
            ).to(device, dtype)


def tensors(shape, device="cpu", dtype=torch.float32):
    tokens, inputs, outputs = shape
    return (numbers(tokens, inputs, seed=1, device=device, dtype=dtype), numbers(outputs, inputs, seed=2, device=device),
            numbers(tokens, outputs, seed=3, device=device, dtype=dtype))


def step(x, w, dy, recipe, mode="exact", seed=5, layer=3, at=7, **more):
    """y, dx and dw of one pass."""
    made = nt.Linear(w.shape[1], w.shape[0], bias=False, recipe=recipe, mode=mode, seed=seed, layer=layer,
                     device=x.device, **more)
    with torch.no_grad():
        made.weight.copy_(w)
    nt.set_step(made, at)
    x = x.detach().clone().requires_grad_()
    y = made(x)
    y.backward(dy)
    return y.detach(), x.grad, made.weight.grad


def operands(x, w, dy, recipe, seed=5, layer=3, at=7, **more):
    given = {"x": x, "w": w, "y": dy}
    return [nt.quantize(given[role[-1]], recipe, role, seed=seed, layer=layer, step=at, **more) for role in ROLES]


def same(a, b):
    return all(torch.equal(i.cpu(), j.cpu()) for i, j in zip(a, b, strict=True))


@pytest.fixture(scope="session")
def reference():
    library = next((f for f in pathlib.Path(nt.__file__).parent.joinpath("lib").glob("*reference.so")), None)
    if library is None:
        pytest.skip("libnibble_torch_reference is not built: -DNIBBLE_TORCH_TESTS=ON")
    torch.ops.load_library(library)
    return torch.ops.nibble_reference.linear


@pytest.mark.parametrize("recipe", ["nvfp4", "fp8", "mxfp4", "quartet2", "nvfp4_sr_forward"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_pass_has_the_bytes_of_the_librarys_linear_layer(reference, recipe, shape):
    x, w, dy = tensors(shape)
    assert same(step(x, w, dy, recipe, seed=5, layer=3, at=7), reference(x, w, dy, 5, 3, 7, recipe))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gpu_and_cpu_give_the_same_bytes(gpu, recipe, shape, dtype):
    for a, b in zip(operands(*tensors(shape, dtype=dtype), recipe), operands(*tensors(shape, gpu, dtype), recipe),
                    strict=True):
        assert same([a.codes, a.scales, a.amax], [b.codes, b.scales, b.amax]), a.role
        assert same([nt.dequantize(a)], [nt.dequantize(b)]), a.role
    assert same(step(*tensors(shape, dtype=dtype), recipe), step(*tensors(shape, gpu, dtype), recipe))


def test_python_and_the_library_agree_on_the_size_of_operands(recipe, device):
    for rows, columns in [(1, 1), (16, 128), (33, 40), (130, 272)]:
        for which, roles in OPERANDS.items():
            made = ops.operands(torch.ones(rows, columns, device=device), which, nt.streams(0, device=device), 0, recipe,
                                True, None, [])
            sizes = [layout(recipe, roles[0], rows, columns)[-1], layout(recipe, roles[1], columns, rows)[-1]]
            assert [m.numel() for m in made] == sizes


def test_products_of_single_matrices_are_those_of_the_layer(recipe, device):
    x, w, dy = tensors((48, 64, 32), device)
    fprop_x, fprop_w, dgrad_dy, dgrad_w, wgrad_dy, wgrad_x = operands(x, w, dy, recipe)
    products = [nt.matmul(fprop_x, fprop_w, mode="exact"), nt.matmul(dgrad_dy, dgrad_w, mode="exact"),
                nt.matmul(wgrad_dy, wgrad_x, mode="exact")]
    assert same(products, step(x, w, dy, recipe))


def test_fast_products_are_near_the_exact_ones(recipe, device):
    shape = (64, 256, 96)
    for fast, exact in zip(step(*tensors(shape, device), recipe, "fast"), step(*tensors(shape, device), recipe, "exact"),
                           strict=True):
        assert (fast - exact).norm() <= 1e-2 * exact.norm()  # FP32 sums, and bf16 operands where FP8 has FP32 scales


def test_where_quantization_loses_nothing_gradients_are_those_of_float64(device):
    """Elements of e2m1, a 6 in each block of 16 either way: scales are 448 / 448, and codes are the numbers."""
    def exact(rows, columns, seed):
        values = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6])
        drawn = values[torch.randint(8, (rows, columns), generator=torch.Generator().manual_seed(seed))]
        drawn = drawn * (1 - 2 * torch.randint(2, (rows, columns), generator=torch.Generator().manual_seed(seed + 1)))
        for i in range(rows):
            drawn[i, (i % 16)::16] = 6
        return drawn.to(device)
    x, w, dy = exact(32, 64, 1), exact(48, 64, 3), exact(32, 48, 5)
    y, dx, dw = step(x, w, dy, "nvfp4_nearest")
    x64, w64 = x.double().requires_grad_(), w.double().requires_grad_()
    y64 = x64 @ w64.T
    y64.backward(dy.double())
    assert same([y, dx, dw], [y64.detach().float(), x64.grad.float(), w64.grad.float()])


def test_without_quantization_the_layer_passes_gradcheck():
    made = nt.Linear(6, 4, recipe="bf16", dtype=torch.float64)
    x = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w, b: torch.func.functional_call(made, {"weight": w, "bias": b}, x),
                                    (x, made.weight, made.bias))


def test_tracers_see_what_the_operators_do(device, recipe):
    x, w, dy = tensors((32, 48, 16), device)
    names = nt.streams(1, 2, device)
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(ops.linear, (x, w, names, 1, recipe, True, True, None, None, None, None, [], ""),
                          test_utils=checks)
    _, kept_x, kept_w = ops.linear(x, w, names, 1, recipe, True, True, None, None, None, None, [], "")
    torch.library.opcheck(ops.linear_backward, (dy, kept_x, kept_w, 48, torch.float32, torch.float32, True, True, names,
                                                1, recipe, True, None, []), test_utils=checks)
    torch.library.opcheck(ops.operands, (x, "x", names, 1, recipe, True, None, []), test_utils=checks)
    q = nt.quantize(x, recipe)
    torch.library.opcheck(ops.decode, (q.data, 0, 32, 48, names, 1, recipe, torch.float32), test_utils=checks)


def test_the_later_operand_can_be_made_of_codes(device):
    for recipe in ("nvfp4", "fp8", "quartet2"):
        _, w, _ = tensors((32, 64, 48), device)
        names = nt.streams(1, 2, device)
        first, second = ops.operands(w, "weight", names, 1, recipe, True, None, [])
        again = ops.later_operand(first, "weight", 48, 64, names, 1, recipe, [])
        a, b = (nt.QuantizedTensor(data, (64, 48), recipe, "dgrad_w", names, 1) for data in (again, second))
        assert same([a.codes, a.scales, a.amax], [b.codes, b.scales, b.amax])
    with pytest.raises(ValueError, match="makes it of the tensor itself"):
        first, _ = ops.operands(w, "weight", names, 1, "mxfp4", True, None, [])
        ops.later_operand(first, "weight", 48, 64, names, 1, "mxfp4", [])


def test_a_piece_draws_what_the_whole_draws(device, recipe):
    """Rows, and columns, of a matrix quantized apart under the amax of all of it: the bytes of the whole."""
    if facts(recipe, 0)[4] or recipe == "quartet2":
        pytest.skip("has an amax a row, or quantizes again: no shared amaxes")
    tokens, inputs, outputs = 256, 128, 64
    x, w, dy = tensors((tokens, inputs, outputs), device)
    names = nt.streams(1, 2, device)
    amaxes = ops.amaxes(dy, "dy", names, 1, recipe)
    first, second = ops.operands(dy, "dy", names, 1, recipe, True, None, [])
    whole = nt.QuantizedTensor(first, (tokens, outputs), recipe, "dgrad_dy", names, 1)
    turned = nt.QuantizedTensor(second, (outputs, tokens), recipe, "wgrad_dy", names, 1)
    half = tokens // 2
    for part in range(2):
        place = [part * half, tokens, 0, inputs, 0, outputs]
        a, b = ops.operands(dy[part * half:(part + 1) * half], "dy", names, 1, recipe, True, amaxes, place)
        a = nt.QuantizedTensor(a, (half, outputs), recipe, "dgrad_dy", names, 1)
        b = nt.QuantizedTensor(b, (outputs, half), recipe, "wgrad_dy", names, 1)
        assert same([a.codes], [whole.codes.chunk(2)[part]])
        assert same([b.codes.view(outputs, -1)], [turned.codes.view(outputs, -1).chunk(2, 1)[part]])


@pytest.mark.parametrize("wrong, what", [
    (lambda: nt.quantize(torch.zeros(4, 4, dtype=torch.float16)), "need float32 or bfloat16"),
    (lambda: nt.quantize(torch.zeros(4)), "need a matrix"),
    (lambda: nt.quantize(torch.zeros(4, 4), "nvfp5"), "unknown recipe 'nvfp5'; there are: bf16, "),
    (lambda: nt.quantize(torch.zeros(4, 4), role="x"), "unknown role 'x'; there are: fprop_x"),
    (lambda: nt.Linear(4, 4, mode="precise"), "need fast or exact"),
    (lambda: nt.Linear(4, 4)(torch.zeros(2, 5)), "shape '\\[-1, 4\\]'|of 5 columns"),
    (lambda: nt.matmul(nt.quantize(torch.zeros(4, 4)), nt.quantize(torch.zeros(4, 4))), "operands of one product"),
    (lambda: nt.streams(1 << 16), "need a layer below"),
    (lambda: ops.product(torch.zeros(3, dtype=torch.uint8), torch.zeros(3, dtype=torch.uint8), 1, 1, 16, "fprop",
                         "nvfp4", True, torch.float32), "the left operand: got 3"),
])
def test_misuse_is_told(wrong, what):
    with pytest.raises((RuntimeError, ValueError), match=what):
        wrong()
