"""What private selection takes: seconds and memory at 20 million values, and noise at equal cost.

Run: ``python benchmarks/private_selection.py [--quick]`` (about a minute, offline).

The first table times one call on normal values with gamma their standard deviation, in a process
of its own, with noise from AES-256-CTR. "redrawn" is the sparse vector scan of Shokri & Shmatikov
2015 with its noise at epsilon / c = 1, "kept" the one with the optimal split, "gumbel" the one-shot
selection, "no halt" a scan with a threshold that nothing passes, so that it visits every value.
Memory is the peak above that of the process with the values in it.

The second table asks how much noise is on one comparison where c of d values are chosen at the
same true cost, in standard deviations over gamma: the cost is that of the accountant named, for
replacing all data of one participant. "paper" is the scan with a redrawn threshold and query noise
twice that of the threshold, "kept" the optimal split; a random mask needs no noise.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from tithe.privacy.calibrate import smallest_scale
from tithe.privacy.events import Event
from tithe.privacy.numeric_sparse import optimal_scales, paper_scales
from tithe.privacy.private_selection import gumbel_event, gumbel_scale_for, select_by_gumbel
from tithe.privacy.sparse_vector import select_by_sparse_vector, sparse_vector_event
from tithe.randomness import SecureBits

SEED = 1
GAMMA = 1e-3
SIZE, QUICK_SIZE = 20_000_000, 1_000_000
REPEATS = 3
WAYS = ("redrawn", "kept", "gumbel", "no halt")
EPSILON, DELTA = 8.0, 1e-5
NUM_QUERIES = 105_506  # the parameters of the paper's convolutional network
COUNTS = (1, 10, 105, 1_055, 10_550)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description="Private selection.")
    parser.add_argument("--quick", action="store_true", help="1 million values")
    size = QUICK_SIZE if parser.parse_args().quick else SIZE
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, one thread; seed {SEED} for the values; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}\n"
    )
    print(f"d = {size:,}; seconds: median [shortest, longest] of {REPEATS}\n")
    print(f"{'way':>10} {'c':>12} {'chosen':>12} {'seconds':>24} {'peak MB':>9}")
    for count in (size // 10, size // 1000):
        for way in WAYS:
            print(alone(timed, way, size, count))
    print(
        f"\nepsilon {EPSILON}, delta {DELTA}, d = {NUM_QUERIES:,}; standard deviation over gamma\n"
    )
    print(f"{'':>8} {'at delta 0':>27} {'Renyi accountant':>40}")
    print(f"{'c':>8} {'paper':>13} {'kept':>13} {'paper':>13} {'kept':>13} {'gumbel':>12}")
    for count in COUNTS:
        print(noise_at_equal_cost(count))


def alone(function: Callable[..., str], *arguments: object) -> str:
    """Runs the function in a fresh process, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def timed(way: str, size: int, count: int) -> str:
    """One line of the first table."""
    torch.set_num_threads(1)
    values = GAMMA * torch.randn(size, generator=torch.Generator().manual_seed(SEED))
    before = peak_memory()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        chosen = choose(way, values, count)
        seconds.append(time.perf_counter() - start)
    spread = f"{statistics.median(seconds):.2f} [{min(seconds):.2f}, {max(seconds):.2f}]"
    memory = (peak_memory() - before) / 1e6
    return f"{way:>10} {count:>12,} {chosen.numel():>12,} {spread:>24} {memory:>9.0f}"


def choose(way: str, values: Tensor, count: int) -> Tensor:
    """One selection."""
    bits = SecureBits()
    if way == "gumbel":
        scale = gumbel_scale_for(rho=1.0, count=count, gamma=GAMMA, relation="replace")
        return select_by_gumbel(values, gamma=GAMMA, count=count, scale=scale, bits=bits)
    epsilon = float(count)  # epsilon / c = 1
    scales = (
        optimal_scales(epsilon=epsilon, gamma=GAMMA, count=count, relation="replace")
        if way == "kept"
        else paper_scales(epsilon=epsilon, gamma=GAMMA, count=count)
    )
    far_above = 100 * (scales.threshold + scales.query)
    return select_by_sparse_vector(
        values,
        gamma=GAMMA,
        tau=far_above if way == "no halt" else GAMMA / 10,
        threshold_scale=scales.threshold,
        query_scale=scales.query,
        count=count,
        is_redrawn=way != "kept",
        bits=bits,
    )


def noise_at_equal_cost(count: int) -> str:
    """One line of the second table."""

    def paper(scale: float) -> list[Event]:
        return [scan(count, scale, 2 * scale, is_redrawn=True)]

    def kept(scale: float) -> list[Event]:
        best = optimal_scales(epsilon=2 / scale, gamma=1.0, count=count, relation="replace")
        return [scan(count, best.threshold, best.query, is_redrawn=False)]

    def largest(scale: float) -> list[Event]:
        return [gumbel_event(count, scale_in_gamma=scale, relation="replace")]

    laplace, gumbel = math.sqrt(2), math.pi / math.sqrt(6)  # standard deviation of scale 1
    cells = []
    for delta in (0.0, DELTA):
        redrawn = smallest_scale(paper, epsilon=EPSILON, delta=delta)
        cells.append(2 * redrawn * laplace)
        split = smallest_scale(kept, epsilon=EPSILON, delta=delta)
        best = optimal_scales(epsilon=2 / split, gamma=1.0, count=count, relation="replace")
        cells.append(best.query * laplace)
    cells.append(smallest_scale(largest, epsilon=EPSILON, delta=DELTA) * gumbel)
    return f"{count:>8,}" + "".join(f"{cell:>14.1f}" for cell in cells)


def scan(count: int, threshold: float, query: float, *, is_redrawn: bool) -> Event:
    """What a scan of the network of the paper costs; scales over gamma."""
    return sparse_vector_event(
        count,
        threshold_scale_in_gamma=threshold,
        query_scale_in_gamma=query,
        is_redrawn=is_redrawn,
        relation="replace",
        num_queries=NUM_QUERIES,
    )


def peak_memory() -> int:
    """Bytes at the peak of this process so far."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
