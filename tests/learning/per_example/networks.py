"""Small networks of every kind of layer, and the naive loop that they are compared with."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Seq(nn.Sequential):
    """A sequence whose last output is averaged over all but the first and last axis."""

    def forward(self, x):
        out = super().forward(x)
        return out if out.dim() == 2 else out.flatten(1, -2).mean(dim=1)


class Pooled(nn.Sequential):
    """A sequence of maps, averaged over the pixels."""

    def forward(self, x):
        return super().forward(x).flatten(2).mean(dim=2)


class TiedEmbedding(nn.Module):
    """Words in, words out, through one table."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.words.weight

    def forward(self, x):
        return self.out(self.words(x).mean(dim=1))


class CalledTwice(nn.Module):
    """One layer, two calls."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.layer(torch.tanh(self.layer(x)))))


class Residual(nn.Module):
    """Both branches get the very same gradient tensor."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.out = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.left(x) + self.right(x))


class BareParameter(nn.Module):
    """A parameter that belongs to no layer."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(5))
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        return self.layer(torch.tanh(x * self.scale))


class BorrowedWeight(nn.Module):
    """A layer whose weight is also used without calling it."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(functional.linear(torch.tanh(self.layer(x)), self.layer.weight))


class TimeFirst(nn.Module):
    """Layers that see the positions as the first axis."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x):  # (n, T, 5)
        return self.out(torch.tanh(self.layer(x.transpose(0, 1))).mean(dim=0))


class Recurrent(nn.Module):
    """An LSTM, which ``torch.func`` cannot take."""

    def __init__(self):
        super().__init__()
        self.cells, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.cells(x)[0][:, -1])


class Attention(nn.Module):
    """Multi-head attention, with a projection that is never called."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.attend(x, x, x, need_weights=False)[0].mean(dim=1))


class CentredOnBatch(nn.Module):
    """Subtracts the batch's mean: the examples mix."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        return self.layer(x - x.mean(0))


def conv1d(*args, **kwargs):
    return (lambda: Pooled(nn.Conv1d(*args, **kwargs), nn.Tanh(), nn.Conv1d(4, 3, 1))), (2, 9)


def conv2d(*args, size=(8, 7), channels=2, **kwargs):
    def make():
        return Pooled(nn.Conv2d(channels, *args, **kwargs), nn.Tanh(), nn.Conv2d(args[0], 3, 1))

    return make, (channels, *size)


def frozen(name):
    def make():
        module = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
        module.get_parameter(name).requires_grad = False
        return module

    return make, (5,)


def words(make, *, length=6):
    return make, ("words", length)


# name -> how to make it, and the shape of a row; these have rules of their own.
BOOK_KEPT = {
    "linear": (lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), (5,)),
    "linear without bias": (lambda: nn.Sequential(nn.Linear(5, 3, bias=False)), (5,)),
    "linear on 3 axes": (lambda: Seq(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 3)), (3, 20)),
    "linear on 4 axes": (lambda: Seq(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)), (2, 6, 4)),
    "wide linear on 4 axes": (
        lambda: Seq(nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 3)),
        (2, 2, 40),
    ),
    "frozen weight": frozen("0.weight"),
    "frozen bias": frozen("2.bias"),
    "residual": (Residual, (5,)),
    "in place": (
        lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)),
        (5,),
    ),
    "conv1d": conv1d(2, 4, 3),
    "conv1d, strided": conv1d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2),
    "conv1d, same": conv1d(2, 4, 4, padding="same"),
    "conv1d, circular": conv1d(2, 4, 3, padding=1, padding_mode="circular"),
    "conv2d": conv2d(4, 3),
    "conv2d, no bias": conv2d(4, 3, bias=False),
    "conv2d, strided": conv2d(4, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
    "conv2d, grouped": conv2d(6, 3, channels=4, groups=2, padding=1),
    "conv2d, depthwise": conv2d(8, 3, channels=4, groups=4),
    "conv2d, same": conv2d(4, (3, 4), padding="same"),
    "conv2d, valid": conv2d(4, 3, padding="valid"),
    "conv2d, reflected": conv2d(4, 3, padding=1, padding_mode="reflect"),
    "conv2d, deep": conv2d(64, 3, channels=64, size=(5, 4)),
    "conv2d, deep, no bias": conv2d(64, 3, channels=64, size=(4, 4), bias=False),
    "conv2d, deep, strided": conv2d(
        24, 3, channels=24, size=(7, 6), stride=(2, 1), padding=(1, 2), dilation=(1, 2)
    ),
    "conv2d, deep, grouped": conv2d(96, 3, channels=64, size=(4, 4), groups=2),
    "conv2d, wide patches": conv2d(4, 3, channels=20, size=(12, 12)),
    "group norm": (
        lambda: Pooled(nn.Conv2d(2, 6, 3), nn.GroupNorm(3, 6), nn.Tanh(), nn.Conv2d(6, 3, 1)),
        (2, 6, 6),
    ),
    "layer norm": (
        lambda: Seq(nn.Linear(5, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 3)),
        (4, 5),
    ),
    "layer norm of 2 axes": (
        lambda: nn.Sequential(nn.LayerNorm((4, 5)), nn.Flatten(), nn.Linear(20, 3)),
        (4, 5),
    ),
    "embedding": words(lambda: Seq(nn.Embedding(7, 4), nn.Tanh(), nn.Linear(4, 3))),
    "embedding of one word": words(
        lambda: nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(4, 3)), length=1
    ),
    "embedding with padding": words(
        lambda: Seq(nn.Embedding(7, 4, padding_idx=1), nn.Tanh(), nn.Linear(4, 3))
    ),
    "tied embedding": words(TiedEmbedding),
    "called twice": (CalledTwice, (5,)),
}

# These take a slower way.
WRITTEN_OUT = {
    "bare parameter": (BareParameter, (5,), "vectorised"),
    "borrowed weight": (BorrowedWeight, (5,), "vectorised"),
    "time first": (TimeFirst, (4, 5), "vectorised"),
    "attention": (Attention, (3, 4), "vectorised"),
    "transposed convolution": (
        lambda: Pooled(nn.ConvTranspose2d(2, 3, 3)),
        (2, 4, 4),
        "vectorised",
    ),
    "prelu": (lambda: nn.Sequential(nn.Linear(5, 3), nn.PReLU()), (5,), "vectorised"),
    "conv3d": (lambda: Pooled(nn.Conv3d(2, 3, 2)), (2, 3, 3, 3), "vectorised"),
    "recurrent": (Recurrent, (3, 4), "one_by_one"),
}


def double(make, *, seed=0):
    torch.manual_seed(seed)
    return make().double()


def rows_of(shape, *, num_rows, seed=1):
    """Features and labels for a network of the tables above."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (num_rows,), generator=rng)
    if shape[0] == "words":
        return torch.randint(7, (num_rows, shape[1]), generator=rng), labels
    return torch.randn(num_rows, *shape, generator=rng, dtype=torch.float64), labels


def losses_of(scores, labels):
    return functional.cross_entropy(scores, labels, reduction="none")


def naive_gradients(module, features, labels, *, group=1):
    """Mean gradient of every ``group`` rows as flat vectors, one backward pass each."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    flat = []
    for start in range(0, len(labels), group):
        rows = slice(start, start + group)
        loss = losses_of(module(features[rows]), labels[rows]).mean()
        found = torch.autograd.grad(loss, parameters, materialize_grads=True)
        flat.append(torch.cat([gradient.flatten() for gradient in found]))
    return torch.stack(flat)
