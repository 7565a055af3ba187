"""What a private training step costs beside a plain one, and beside Opacus.

Run: ``python benchmarks/dp_sgd.py [--quick]`` (about ten minutes; quick: under two; offline). One
step is a forward and a backward pass on random rows and an update by SGD:

- plain: ``torch.optim.SGD``, no clipping, no noise.
- ours: ``tithe.learning.dp_sgd``'s step, flat clipping at 1, noise multiplier 1.
- secure: the same with the noise that a deployment draws, AES bits and a grid.
- hooks, ghost: Opacus' per-sample hooks and its ghost clipping, same clip and noise.

All but "secure" draw their noise with ``torch.randn`` from the same generator. The ways take turns
within every round; times are processor times of one thread, medians over the rounds; the columns
after "plain" are ratios to plain. Every network is measured twice: with the memory allocator as it
comes, and told to keep what it was once given (``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_
THRESHOLD_``), which is about half of what Opacus loses. "Goal" is the limit for ours with the
allocator as it comes. Memory is the most that PyTorch holds beyond the built network and its rows
over four steps, as its profiler counts it, one process a way, as megabytes for plain and as ratios
for the others; its goal is 1.6 (2.2 for VGG). Not in it: the trial before the first step (some
copies of a small network in double precision, once), and NumPy's buffers for the secure noise (a
megabyte or two, whatever the network).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.learning.dp_sgd import cross_entropy
from tithe.learning.flat import trainable
from tithe.learning.models import build_model
from tithe.learning.noisy_step import NoisyStep
from tithe.learning.per_example.checks import find_way
from tithe.privacy.noise import fast_gaussian
from tithe.randomness import SecureBits

SEED = 1
RATE, BOUND, NOISE = 0.01, 1.0, 1.0
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}

Step = Callable[[Tensor, Tensor], None]

_attached = ExitStack()  # until the process ends


def vgg19(*, num_classes: int = 10) -> nn.Module:
    """VGG-19 for pictures of 32x32 with GroupNorm in place of BatchNorm, 20 million parameters."""
    layers: list[nn.Module] = []
    channels = 3
    for filters, repeats in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(repeats):
            layers += [nn.Conv2d(channels, filters, 3, padding=1)]
            layers += [nn.GroupNorm(32, filters), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, num_classes))


@dataclass(frozen=True)
class Setting:
    """One network at one batch size."""

    network: str
    batch_size: int
    rounds: int
    goal: float | None
    memory_goal: float | None = None

    def build(self) -> nn.Module:
        """The same network every time."""
        if self.network == "vgg19-groupnorm":
            torch.manual_seed(SEED)
            return vgg19()
        return build_model(self.network, num_classes=10, seed=SEED)

    def rows(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random features and labels for one step."""
        channels = 1 if self.network.startswith("mnist") else 3
        features = torch.randn(self.batch_size, channels, 32, 32, generator=rng)
        return features, torch.randint(10, (self.batch_size,), generator=rng)


SETTINGS = [
    Setting("mnist-mlp", 32, 150, None),
    Setting("mnist-mlp", 128, 150, 1.5, 1.6),
    Setting("mnist-mlp", 512, 60, 1.2, 1.6),
    Setting("mnist-cnn", 8, 80, None),
    Setting("mnist-cnn", 32, 40, 1.5),
    Setting("mnist-cnn", 128, 21, 1.2, 1.6),
    Setting("svhn-cnn", 32, 15, None),
    Setting("svhn-cnn", 128, 9, 1.3, 1.6),
    Setting("vgg19-groupnorm", 32, 5, 1.4, 2.2),
]


def main() -> None:
    """Prints the table, or, started by itself, measures one line of it."""
    parser = argparse.ArgumentParser(description="Private against plain steps.")
    parser.add_argument("--quick", action="store_true", help="few rounds, no VGG, no memory")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "SETTING", "ROUNDS"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.measure is not None:
        what, number, rounds = arguments.measure
        print(json.dumps(measure(what, SETTINGS[int(number)], rounds=int(rounds))))
        return
    import opacus

    print(
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, one thread; seed {SEED}; Python "
        f"{platform.python_version()}, torch {torch.__version__}, Opacus {opacus.__version__}\n"
    )
    ways = list(WAYS)
    heads = "".join(f"{way:>9}" for way in ways[1:])
    print(f"processor time          batch  allocator  plain ms{heads}   goal  reached")
    for number, setting in enumerate(SETTINGS):
        if arguments.quick and setting.network.startswith("vgg"):
            continue
        rounds = max(5, setting.rounds // 5) if arguments.quick else setting.rounds
        for allocator, variables in (("default", {}), ("keeps", KEEP)):
            seconds = by_itself("time", number, rounds=rounds, variables=variables)
            print(line(setting, seconds, label=f"{allocator:>9}", scale=1e3, goal=setting.goal))
    if not arguments.quick:
        print(f"\npeak memory             batch             plain MB{heads}   goal  reached")
        for number, setting in enumerate(SETTINGS):
            if setting.memory_goal is not None:
                found = {way: by_itself(way, number, rounds=4, variables={})[way] for way in ways}
                goal = setting.memory_goal
                print(line(setting, found, label=" " * 9, scale=1e-6, goal=goal))


def line(
    setting: Setting, found: dict[str, float], *, label: str, scale: float, goal: float | None
) -> str:
    """One line of a table."""
    plain = found["plain"]
    ratios = "".join(f"{found[way] / plain:>9.2f}" for way in WAYS if way != "plain")
    reached = "" if goal is None else ("yes" if found["ours"] / plain <= goal else "no")
    limit = "" if goal is None else f"{goal:g}"
    name = f"{setting.network:<22} {setting.batch_size:>6}"
    return f"{name}  {label}  {plain * scale:>8.2f}{ratios} {limit:>6}  {reached:>7}"


def by_itself(
    what: str, number: int, *, rounds: int, variables: dict[str, str]
) -> dict[str, float]:
    """Measures in a fresh process, since an allocator cannot be told later."""
    command = [sys.executable, __file__, "--measure", what, str(number), str(rounds)]
    result = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(result.stderr)
    found: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return found


def measure(what: str, setting: Setting, *, rounds: int) -> dict[str, float]:
    """Seconds of every way, or the bytes that one way adds at its peak."""
    import warnings

    warnings.simplefilter("ignore")
    rng = torch.Generator().manual_seed(SEED)
    if what != "time":
        module = setting.build()
        batches = [setting.rows(rng) for _ in range(rounds)]
        return {what: peak_bytes(lambda: WAYS[what](module, setting), batches)}
    steps = {way: make(setting.build(), setting) for way, make in WAYS.items()}
    times: dict[str, list[float]] = {way: [] for way in steps}
    for number in range(rounds + 2):  # the first two warm up
        features, labels = setting.rows(rng)
        for way, step in steps.items():
            start = time.process_time()
            step(features, labels)
            if number >= 2:
                times[way].append(time.process_time() - start)
    return {way: statistics.median(taken) for way, taken in times.items()}


def peak_bytes(make: Callable[[], Step], batches: list[tuple[Tensor, Tensor]]) -> float:
    """What a step keeps from its making on, and the most that steps hold at once beside it."""
    steps: list[Step] = []
    kept, _ = held(lambda: steps.append(make()))

    def run() -> None:
        for features, labels in batches:
            steps[0](features, labels)

    return kept + held(run)[1]


def held(call: Callable[[], None]) -> tuple[float, float]:
    """Bytes that PyTorch holds more after a call than before, and the most on the way."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        call()
        gc.collect()
    now = most = 0.0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return now, most


def plain_step(module: nn.Module, setting: Setting) -> Step:
    """No privacy."""
    del setting
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)

    def step(features: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        functional.cross_entropy(module(features), labels).backward()
        optimizer.step()

    return step


def our_step(module: nn.Module, setting: Setting, *, is_secure: bool = False) -> Step:
    """What ``train_privately`` does in every step."""
    rng, bits = torch.Generator().manual_seed(SEED), SecureBits()
    features, labels = setting.rows(rng)
    way = find_way(module, features[:1], labels[:1], loss=cross_entropy)
    update = NoisyStep(
        trainable(module),
        learning_rate=RATE,
        examples_per_step=setting.batch_size,
        l2_norm_bound=BOUND,
        clipping="flat",
        noise_stddev=NOISE * BOUND,
        momentum=0.0,
        weight_decay=0.0,
    )
    find = _attached.enter_context(way.of(module, cross_entropy).attached())

    def normal(count: int) -> Tensor:
        if is_secure:
            return fast_gaussian(count, bits=bits)
        return torch.randn(count, generator=rng)

    def step(features: Tensor, labels: Tensor) -> None:
        update.begin()
        update.add(find(features, labels, weights=None, group=1).contributions)
        update.finish(normal)

    return step


def secure_step(module: nn.Module, setting: Setting) -> Step:
    """Ours with the noise of a deployment."""
    return our_step(module, setting, is_secure=True)


def opacus_hooks_step(module: nn.Module, setting: Setting) -> Step:
    """Opacus' default."""
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    watched = GradSampleModule(module)
    optimizer = DPOptimizer(
        torch.optim.SGD(watched.parameters(), lr=RATE),
        noise_multiplier=NOISE,
        max_grad_norm=BOUND,
        expected_batch_size=setting.batch_size,
        generator=torch.Generator().manual_seed(SEED),
    )

    def step(features: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        functional.cross_entropy(watched(features), labels).backward()
        optimizer.step()

    return step


def opacus_ghost_step(module: nn.Module, setting: Setting) -> Step:
    """Opacus' ghost clipping, two backward passes."""
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    watched = GradSampleModuleFastGradientClipping(
        module, max_grad_norm=BOUND, use_ghost_clipping=True
    )
    optimizer = DPOptimizerFastGradientClipping(
        torch.optim.SGD(watched.parameters(), lr=RATE),
        noise_multiplier=NOISE,
        max_grad_norm=BOUND,
        expected_batch_size=setting.batch_size,
        generator=torch.Generator().manual_seed(SEED),
    )
    loss = DPLossFastGradientClipping(watched, optimizer, nn.CrossEntropyLoss())

    def step(features: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        loss(watched(features), labels).backward()
        optimizer.step()

    return step


WAYS: dict[str, Callable[[nn.Module, Setting], Step]] = {
    "plain": plain_step,
    "ours": our_step,
    "secure": secure_step,
    "hooks": opacus_hooks_step,
    "ghost": opacus_ghost_step,
}


if __name__ == "__main__":
    main()
