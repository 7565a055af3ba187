"""How long it takes to find the largest values, beside what PyTorch itself offers for it.

Run: ``python benchmarks/selection.py [--quick]`` (under a minute, offline). The values are normal;
each way returns the ascending positions of the ``theta * d`` values of largest magnitude:

- select_largest: the package's own;
- topk: ``torch.topk`` of the magnitudes, then its positions sorted;
- kthvalue: the border by ``torch.kthvalue``, then the positions not below it.

The ways take turns. Times are medians with the shortest and the longest; "gain" is the median over
the repetitions of the quicker of the two others / select_largest. That all find the same magnitudes
is checked.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from tithe.sharing.selection import num_to_select, select_largest

SEED = 1
SIZES = {105_506: 21, 1_000_000: 11, 20_000_000: 5}  # d -> repetitions
THETAS = (0.1, 0.01, 0.001)

Way = Callable[[Tensor, int], Tensor]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Finding the largest values.")
    parser.add_argument("--quick", action="store_true", help="3 repetitions, at most 1 million")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, one thread; seed {SEED}; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}\n"
        f"milliseconds: median [shortest, longest] of "
        f"{3 if quick else '/'.join(map(str, SIZES.values()))} repetitions\n"
    )
    columns = "".join(f"{name:>26}" for name in WAYS)
    print(f"         d  theta {columns}   gain")
    rng = torch.Generator().manual_seed(SEED)
    for size, repeats in SIZES.items():
        if quick and size > 1_000_000:
            continue
        values = torch.randn(size, generator=rng)
        for theta in THETAS:
            print(row(values, theta, repeats=3 if quick else repeats))


def by_topk(values: Tensor, count: int) -> Tensor:
    """The positions that ``torch.topk`` finds."""
    return torch.topk(values.abs(), count, sorted=False).indices.sort().values


def by_kthvalue(values: Tensor, count: int) -> Tensor:
    """The positions of what is at least the border; ties at it would make them more."""
    magnitudes = values.abs()
    border = magnitudes.kthvalue(magnitudes.numel() - count + 1).values
    return torch.nonzero(magnitudes >= border).squeeze(1)[:count]


WAYS: dict[str, Way] = {
    "select_largest": lambda values, count: select_largest(values, count=count),
    "topk": by_topk,
    "kthvalue": by_kthvalue,
}


def row(values: Tensor, theta: float, *, repeats: int) -> str:
    """One line of the table; one more repetition, the first, warms up and is checked."""
    size = values.numel()
    count = num_to_select(size, theta=theta)
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for repeat in range(repeats + 1):
        found = {}
        for name, way in WAYS.items():
            start = time.perf_counter()
            found[name] = way(values, count)
            if repeat > 0:
                times[name].append(1000 * (time.perf_counter() - start))
        if repeat == 0:
            require_same_magnitudes(values, list(found.values()), count)
    others = [times[name] for name in WAYS if name != "select_largest"]
    gains = [
        min(its_others) / its_own
        for its_own, *its_others in zip(times["select_largest"], *others, strict=True)
    ]
    columns = "".join(f"{spread(its_times):>26}" for its_times in times.values())
    return f"{size:>10,} {theta:>6g} {columns} {statistics.median(gains):>6.1f}"


def require_same_magnitudes(values: Tensor, found: Sequence[Tensor], count: int) -> None:
    """Values that tie at the border may be swapped, so the magnitudes are compared."""
    first = values[found[0]].abs().sort().values
    for positions in found:
        assert positions.numel() == count and bool((positions.diff() > 0).all())
        assert torch.equal(values[positions].abs().sort().values, first)


def spread(times: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(times):.2f} [{min(times):.2f}, {max(times):.2f}]"


if __name__ == "__main__":
    main()
