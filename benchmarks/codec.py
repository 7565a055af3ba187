"""How many bits an index needs, and how long an update takes to become bytes and back.

Run: ``python benchmarks/codec.py`` (about 15 seconds, offline). "Random" coordinates are drawn
uniformly, where ``log2 C(d, k)`` bits is what any code needs on average. "Trained" ones are the
largest of the change that one local epoch makes: the paper's CNN for MNIST on 600 of scikit-learn's
digits, batch 8, learning rate 0.05, after three epochs of warm-up. The values are float32.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable

import numpy as np
import scipy
import torch
from scipy.special import gammaln
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tithe.sharing.codec import decode, encode
from tithe.sharing.index_code import encode_indices
from tithe.sharing.update import SparseUpdate

SEED = 1
THETAS = (0.001, 0.01, 0.1, 0.5, 0.9, 1.0)
LARGE_SIZE, LARGE_COUNT = 20_000_000, 2_000_000


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    print(
        f"{platform.machine()}, {platform.system()}, one thread; seed {SEED}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"torch {torch.__version__}; times are the best of 20 (of 3 for the large one)\n"
    )
    print(
        "coordinates         d  theta_u   bits/index   bound  overhead  with frame"
        "  encode ms  decode ms"
    )
    change = trained_change()
    for name in ("random", "trained"):
        for theta in THETAS:
            count = round(theta * change.numel())
            scores = torch.rand(change.numel()) if name == "random" else change.abs()
            print(row(name, largest(change, scores=scores, count=count), theta=theta, repeats=20))
    large = torch.randn(LARGE_SIZE)
    update = largest(large, scores=torch.rand(LARGE_SIZE), count=LARGE_COUNT)
    print(row("random", update, theta=LARGE_COUNT / LARGE_SIZE, repeats=3))


def row(name: str, update: SparseUpdate, *, theta: float, repeats: int) -> str:
    """One line of the table; the frame (header and checksum) is counted in its own column."""
    size, count = update.size, len(update)
    data = encode(update, values="float32", rng=None)
    back = decode(data, size=size)
    assert torch.equal(back.indices, update.indices)
    assert torch.equal(back.values, update.values)
    bits = 8 * len(encode_indices(update.indices.numpy(), size=size))
    bits_with_frame = 8 * (len(data) - 4 * count)
    nats = gammaln(size + 1) - gammaln(count + 1) - gammaln(size - count + 1)
    bound = nats / math.log(2)
    has_bound = 0 < count < size
    overhead = f"{bits / bound - 1:9.2%} {bits_with_frame / bound - 1:11.2%}" if has_bound else ""
    encode_ms = best_ms(lambda: encode(update, values="float32", rng=None), repeats=repeats)
    decode_ms = best_ms(lambda: decode(data, size=size), repeats=repeats)
    return (
        f"{name:<11} {size:>10,}  {theta:>7g}   {bits / count:10.3f} {bound / count:7.3f} "
        f"{overhead:>21}  {encode_ms:9.2f}  {decode_ms:9.2f}"
    )


def best_ms(call: Callable[[], object], *, repeats: int) -> float:
    """The shortest of several times in milliseconds: what the call costs on a quiet machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def largest(change: Tensor, *, scores: Tensor, count: int) -> SparseUpdate:
    """The entries of the change with the largest scores."""
    indices = torch.topk(scores, count, sorted=False).indices.sort().values
    return SparseUpdate(indices, change[indices], change.numel())


def trained_change() -> Tensor:
    """What one local epoch does to the paper's CNN, shape ``(105506,)``."""
    digits = load_digits()
    images = torch.from_numpy(digits.images[:600]).float().div(16)[:, None]
    images = nn.functional.interpolate(images, size=(32, 32), mode="bilinear") - 0.3
    labels = torch.from_numpy(digits.target[:600]).long()
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 5), nn.Tanh(), nn.MaxPool2d(3)),
        *(nn.Conv2d(32, 64, 5), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 200), nn.Tanh(), nn.Linear(200, 10)),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(4):
        before = nn.utils.parameters_to_vector(model.parameters()).detach()
        for batch in torch.randperm(600).split(8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    return nn.utils.parameters_to_vector(model.parameters()).detach() - before


if __name__ == "__main__":
    main()
