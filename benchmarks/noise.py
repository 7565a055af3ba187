"""What a value of noise costs: torch's own generators beside noise whose law is exact.

Run: ``python benchmarks/noise.py`` (about 20 seconds, offline). CPU time of one thread, best of 7,
for a million values. "Secure" noise takes its words from AES-256-CTR, "seeded" noise from torch's
Mersenne twister, as a simulation does. The last two rows bound, round and add the noise as well.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch

from tithe.privacy.noise import fast_gaussian, gaussian_steps, gumbel, laplace_steps
from tithe.privacy.release import release_with_gaussian, release_with_laplace
from tithe.randomness import RandomBits, SecureBits, SeededBits

SEED = 1
COUNT = 1_000_000
REPEATS = 7


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    print(
        f"{platform.machine()}, {platform.system()}, one thread; seed {SEED}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}, "
        f"cryptography {version('cryptography')}\n"
    )
    print(f"{'torch':44} {'ns a value':>10}")
    for name, draw in TORCH.items():
        print(f"{name:44} {ns_a_value(draw):10.1f}")
    print(f"\n{'ours':44} {'secure':>10} {'seeded':>10}")
    sources = (SecureBits(), SeededBits(torch.Generator().manual_seed(SEED)))
    for name, draw_from in OURS.items():
        times = [ns_a_value(lambda d=draw_from, b=bits: d(b)) for bits in sources]
        print(f"{name:44} {times[0]:10.1f} {times[1]:10.1f}")


def ns_a_value(draw: Callable[[], object]) -> float:
    """The smallest of several CPU times, in nanoseconds a value."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        draw()
        times.append(time.process_time() - start)
    return min(times) / COUNT * 1e9


CHANGE = torch.linspace(-1, 1, COUNT)

TORCH: dict[str, Callable[[], object]] = {
    "normal, float32": lambda: torch.randn(COUNT),
    "normal, float64": lambda: torch.randn(COUNT, dtype=torch.float64),
    "Laplace, float32 (tells the truth)": lambda: torch.distributions.Laplace(0.0, 1.0).sample(
        (COUNT,)
    ),
}

OURS: dict[str, Callable[[RandomBits], object]] = {
    "words of 64 bits": lambda bits: bits.words(COUNT),
    "fast_gaussian, float64 on a grid": lambda bits: fast_gaussian(COUNT, bits=bits),
    "gumbel, float64": lambda bits: gumbel((COUNT,), scale=1.0, bits=bits),
    "laplace_steps, exact": lambda bits: laplace_steps(COUNT, bits=bits),
    "gaussian_steps, exact": lambda bits: gaussian_steps(COUNT, bits=bits),
    "release_with_laplace, float32 in and out": lambda bits: release_with_laplace(
        CHANGE, gamma=0.5, scale_in_gamma=10.0, bits=bits
    ),
    "release_with_gaussian, float32 in and out": lambda bits: release_with_gaussian(
        CHANGE, l2_norm_bound=1.0, noise_multiplier=1.0, bits=bits
    ),
}


if __name__ == "__main__":
    main()
