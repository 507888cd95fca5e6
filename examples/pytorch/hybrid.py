# SPDX-License-Identifier: Apache-2.0
"""A hybrid of Mamba-2, attention and feed-forward blocks: NVIDIA's 12B model in small.

Every block is residual with an RMSNorm in front; no positions, no biases, an untied head; one byte is one token.
Each block's two linear layers are `nn.Linear`, so that a recipe can be put in their place; everything else is
bf16, with FP32 where a sum or an exponential needs it.
"""
import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a model is made of."""
    pattern: str            # one letter a block: M Mamba-2, * attention, - feed-forward
    width: int              # of the residual stream
    feed_forward: int
    query_heads: int
    key_heads: int
    mamba_heads: int
    mamba_head: int         # mamba_heads * mamba_head is the inner width
    state: int              # of Mamba, a head
    chunk: int = 64         # tokens that the scan takes at once
    vocabulary: int = 256


H30 = Shape("M-M-M*-M-M-M*-M-M-", 512, 2048, 8, 2, 16, 64, 64)
H18 = Shape("M-M-M*-M-M-M*-M-M-", 384, 1536, 6, 2, 16, 48, 64)
TINY = Shape("M-*-", 64, 256, 4, 2, 16, 8, 16, chunk=16)  # for tests on a CPU
SHAPES = {"h30": H30, "h18": H18, "tiny": TINY}


def rms_norm(x, weight):
    """x over its root mean square, in FP32, as x's type."""
    y = x.float()
    return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-5) * weight).to(x.dtype)


def scan(x, dt, log_decay, b, c, chunk):
    """The state space of Mamba-2: S_t = exp(log_decay_t) S_{t-1} + dt_t x_t b_t^T, y_t = S_t c_t.

    x [batch, time, heads, head], dt and log_decay [batch, time, heads] in FP32, b and c [batch, time, state], shared
    by all heads. Chunks of tokens at once, as matrix products: within a chunk through the matrix of decays, from chunk
    to chunk through the states at their ends. Products in x's type, decays in FP32.
    """
    batch, time, heads, head = x.shape
    state, chunks, kind = b.shape[-1], time // chunk, x.dtype
    if time % chunk:
        raise ValueError(f"{time} tokens are no multiple of the chunk of {chunk}")
    x = (x.float() * dt[..., None]).view(batch, chunks, chunk, heads, head)
    b, c = b.view(batch, chunks, chunk, state), c.view(batch, chunks, chunk, state)
    decay = log_decay.view(batch, chunks, chunk, heads).transpose(2, 3).cumsum(-1)     # [batch, chunks, heads, chunk]

    # Within a chunk: token i sees token j <= i through exp(decay_i - decay_j) c_i . b_j.
    past = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    between = (decay[..., :, None] - decay[..., None, :]).masked_fill(~past, -math.inf).exp()
    scores = (c @ b.transpose(-1, -2)).float()[:, :, None] * between
    within = scores.to(kind) @ x.transpose(2, 3).to(kind)                              # [.., heads, chunk, head]

    # What each chunk adds to the state, and the state that each chunk starts from.
    last = decay[..., -1:]
    kept = (x * (last - decay).exp().transpose(2, 3)[..., None]).to(kind)
    added = b.transpose(-1, -2) @ kept.flatten(-2)                                     # [batch, chunks, state, heads*head]
    added = added.view(batch, chunks, state, heads, head).permute(0, 3, 1, 2, 4).flatten(-2)
    whole = last[..., 0].transpose(1, 2).cumsum(-1)                                    # [batch, heads, chunks]
    before = functional.pad(whole, (1, 0))[..., :-1]
    past = torch.ones(chunks, chunks, dtype=torch.bool, device=x.device).tril(-1)
    carried = (before[..., :, None] - whole[..., None, :]).masked_fill(~past, -math.inf).exp()
    start = (carried.to(kind) @ added).view(batch, heads, chunks, state, head)
    start = start.permute(0, 2, 3, 1, 4).flatten(-2)                                   # [batch, chunks, state, heads*head]
    across = (c @ start).view(batch, chunks, chunk, heads, head).float() * decay.exp().transpose(2, 3)[..., None]
    return (within.transpose(2, 3).float() + across).reshape(batch, time, heads, head)


class Mamba(nn.Module):
    """Mamba-2: one projection in, a causal convolution of width 4, the scan, a gated norm, one projection out."""

    def __init__(self, shape):
        super().__init__()
        inner = shape.mamba_heads * shape.mamba_head
        self.shape, self.inner = shape, inner
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.mamba_in = nn.Linear(shape.width, 2 * inner + 2 * shape.state + shape.mamba_heads, bias=False)
        self.mamba_out = nn.Linear(inner, shape.width, bias=False)
        channels = inner + 2 * shape.state
        self.convolution = nn.Parameter(torch.empty(4, channels).uniform_(-0.5, 0.5))
        self.convolution_bias = nn.Parameter(torch.zeros(channels))
        step = torch.exp(torch.empty(shape.mamba_heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.dt_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # softplus of it is the step
        self.a_log = nn.Parameter(torch.empty(shape.mamba_heads).uniform_(1, 16).log())
        self.skip = nn.Parameter(torch.ones(shape.mamba_heads))
        self.gate_norm = nn.Parameter(torch.ones(inner))

    def forward(self, h):
        shape, inner = self.shape, self.inner
        z, x, dt = self.mamba_in(rms_norm(h, self.norm)).split(
            [inner, inner + 2 * shape.state, shape.mamba_heads], dim=-1)
        time = x.shape[1]
        padded = functional.pad(x, (0, 0, 3, 0))
        x = sum(padded[:, i:i + time].float() * self.convolution[i] for i in range(4)) + self.convolution_bias
        x, b, c = functional.silu(x).to(h.dtype).split([inner, shape.state, shape.state], dim=-1)
        x = x.unflatten(-1, (shape.mamba_heads, shape.mamba_head))
        dt = functional.softplus(dt.float() + self.dt_bias)
        y = scan(x, dt, -dt * self.a_log.exp(), b, c, shape.chunk) + x.float() * self.skip[:, None]
        y = (y.flatten(-2) * functional.silu(z.float())).to(h.dtype)
        return h + self.mamba_out(rms_norm(y, self.gate_norm))


class Attention(nn.Module):
    """Causal attention whose query heads share fewer key heads."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.head = shape, shape.width // shape.query_heads
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.attention_qkv = nn.Linear(shape.width, shape.width + 2 * shape.key_heads * self.head, bias=False)
        self.attention_out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, h):
        shape = self.shape
        heads = self.attention_qkv(rms_norm(h, self.norm)).unflatten(-1, (-1, self.head)).transpose(1, 2)
        q, k, v = heads.split([shape.query_heads, shape.key_heads, shape.key_heads], dim=1)
        repeats = shape.query_heads // shape.key_heads
        k, v = k.repeat_interleave(repeats, dim=1), v.repeat_interleave(repeats, dim=1)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return h + self.attention_out(y.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """Up, squared ReLU, down."""

    def __init__(self, shape):
        super().__init__()
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.feed_forward_up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.feed_forward_down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, h):
        up = self.feed_forward_up(rms_norm(h, self.norm))
        return h + self.feed_forward_down(functional.relu(up).square())


class Hybrid(nn.Module):
    """The whole model; `forward` gives the mean loss in nats a byte of `following` after `text`."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.empty(shape.vocabulary, shape.width))
        kinds = {"M": Mamba, "*": Attention, "-": FeedForward}
        self.blocks = nn.ModuleList(kinds[letter](shape) for letter in shape.pattern)
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.head = nn.Parameter(torch.empty(shape.vocabulary, shape.width))
        self.initialise()

    def initialise(self):
        """Normal weights of 1/sqrt(width), those that end in the residual stream smaller by sqrt(blocks)."""
        deviation = self.shape.width ** -0.5
        nn.init.normal_(self.embedding, std=1.0)
        nn.init.normal_(self.head, std=deviation)
        for name, layer in self.linear_layers():
            ends = name.endswith(("mamba_out", "attention_out", "feed_forward_down"))
            nn.init.normal_(layer.weight, std=layer.in_features ** -0.5 / (len(self.blocks) ** 0.5 if ends else 1))

    def linear_layers(self):
        return [(name, layer) for name, layer in self.named_modules() if isinstance(layer, nn.Linear)]

    def forward(self, text, following):
        # The lookup as a product with ones and zeros: its gradient is one too, the same on every run.
        h = one_hot(text, self.shape.vocabulary) @ self.embedding.to(torch.bfloat16)
        for block in self.blocks:
            h = block(h)
        return loss_of(h, self.norm, self.head, following)


def one_hot(text, vocabulary):
    return (text[..., None] == torch.arange(vocabulary, device=text.device, dtype=text.dtype)).to(torch.bfloat16)


def loss_of(h, norm, head, following):
    """Mean cross entropy of the head's answers, in nats."""
    logits = (rms_norm(h, norm) @ head.to(h.dtype).t()).float()
    hit = one_hot(following, head.shape[0]).float()
    return (torch.logsumexp(logits, -1) - (logits * hit).sum(-1)).mean()
