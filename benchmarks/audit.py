"""What audits cost: the look at one upload, DP-SGD with canaries, a member list, shadow models.

Goals: under 0.1 s for the look that every upload gets, at 105,506 parameters; under 1 s for 300
steps on digits; under 5 s for 600 candidates and 140,106 parameters; under 30 s for sixteen MLPs on
two cores. Processor time of this process, for the shadow models wall time.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import torch

from tithe.audit.member_list import Decoder
from tithe.audit.record_gradients import record_gradients
from tithe.audit.shadow_models import train_shadows
from tithe.audit.trained_model import torch_training
from tithe.audit.training_audit import audit_training
from tithe.audit.upload_check import UploadChecker
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.flat import read_vector
from tithe.learning.local import LocalTraining
from tithe.learning.models import build_model
from tithe.sharing.update import SparseUpdate

SEED = 1


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}; "
        f"seed {SEED}; Python {platform.python_version()}, torch {torch.__version__}\n"
    )
    print(f"{'what':<44} {'seconds':>8} {'goal':>6}")
    for name, goal, work, clock in WORKS:
        work_start = clock()
        work()
        print(f"{name:<44} {clock() - work_start:>8.2f} {goal:>6g}", flush=True)


def rows(count: int, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random rows of ten classes."""
    rng = torch.Generator().manual_seed(SEED)
    return torch.rand(count, *shape, generator=rng), torch.randint(10, (count,), generator=rng)


def one_run() -> None:
    """300 steps at sampling rate 0.1, 1000 canaries beside 1437 rows of 8x8."""
    features, labels = rows(1437, (1, 8, 8))
    training = PrivateTraining(
        batch_size=244, num_steps=300, noise_multiplier=2.0, l2_norm_bound=1.0
    )
    audit_training(
        build_model("digits-mlp", num_classes=10, seed=SEED), features, labels, training=training,
        learning_rate=0.5, delta=1e-5, seed=SEED,
    )  # fmt: skip


def member_list(theta: float) -> Callable[[], None]:
    """Gradients of 600 candidates on what was sent, their decoder, and one ridge."""

    def work() -> None:
        module = build_model("mnist-mlp", num_classes=10, seed=SEED)
        features, labels = rows(600, (1, 32, 32))
        count = int(theta * 140_106)
        columns = torch.randperm(140_106, generator=torch.Generator().manual_seed(2))[:count]
        columns = columns.sort().values
        gradients = record_gradients(module, features, labels, columns=columns)
        Decoder(gradients).scores(torch.randn(count), ridge=1e-3)

    return work


def shadows() -> None:
    """Sixteen MLPs, 600 rows each, 200 passes, on all cores."""
    features, labels = rows(1200, (1, 32, 32))
    train = torch_training(
        lambda seed: build_model("mnist-mlp", num_classes=10, seed=seed), features, labels,
        pool_size=1200, training=LocalTraining(batch_size=32, local_epochs=200),
        learning_rate=0.05,
    )  # fmt: skip
    train_shadows(train, pool_size=1200, count=16, seed=SEED, recipe="benchmark")


def quick_look(model: str) -> Callable[[], None]:
    """One upload of theta 0.1 of 600 rows, the checker made beforehand as for any later turn."""
    module = build_model(model, num_classes=10, seed=SEED)
    size = read_vector(module).numel()
    checker = UploadChecker(
        module, *rows(600, (1, 32, 32)), *rows(600, (1, 32, 32)), num_classes=10
    )
    indices = torch.randperm(size, generator=torch.Generator().manual_seed(2))[: size // 10]
    update = SparseUpdate(indices.sort().values, torch.randn(size // 10), size)
    began = read_vector(module)

    def work() -> None:
        checker.check(update, began, learning_rate=0.01, batch_size=8, num_steps=75)

    return work


WORKS: list[tuple[str, float, Callable[[], None], Callable[[], float]]] = [
    (
        "look at one upload, CNN, 105,506 parameters",
        0.1,
        quick_look("mnist-cnn"),
        time.process_time,
    ),
    (
        "look at one upload, MLP, 140,106 parameters",
        0.1,
        quick_look("mnist-mlp"),
        time.process_time,
    ),
    ("one run of DP-SGD, 300 steps, 1000 canaries", 1, one_run, time.process_time),
    ("member list, 600 candidates, theta 1", 5, member_list(1.0), time.process_time),
    ("member list, 600 candidates, theta 0.1", 5, member_list(0.1), time.process_time),
    ("sixteen shadow models of the MLP", 30, shadows, time.perf_counter),
]


if __name__ == "__main__":
    main()
