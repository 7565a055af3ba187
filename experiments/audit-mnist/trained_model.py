"""Membership of a trained model: the attacks beside each other, plain and private."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from subset import fresh_network, read_rows

from tithe.audit.lira import lira_offline
from tithe.audit.scores import Scores
from tithe.audit.separation import measure_separation
from tithe.audit.shadow_models import fingerprint, train_shadows
from tithe.audit.signals import signals_of_model
from tithe.audit.trained_model import audit_membership, torch_training, train_module
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.evaluate import evaluate
from tithe.learning.local import LocalTraining
from tithe.privacy.calibrate import calibrated_noise_multiplier

NUM_SHADOWS, NUM_STEPS, NUM_TARGETS = 16, 600, 5
CACHE = Path(__file__).parents[2] / "runs" / "audit-mnist"
EPSILONS = ("none", 50.0, 8.0, 2.0)
SETTINGS = [(epsilon, target) for epsilon in EPSILONS for target in range(NUM_TARGETS)]
HEAD = (
    "| epsilon | target | train / test accuracy | loss | LiRA offline | two-sided "
    "| LiRA online | RMIA |"
)
ATTACKS = ("loss", "LiRA offline", "two-sided", "LiRA online", "RMIA")


def measure(epsilon: float | str, target: int) -> dict[str, object]:
    """AUC, advantage and TPR at 1 % of each attack on one target."""
    parts = read_rows()
    features = torch.cat([part.features for part in parts])
    labels = torch.cat([part.labels for part in parts])
    pool = 1200
    training, rate = training_for(epsilon)
    took_part = np.random.default_rng(100 + target).permutation(pool) < pool // 2
    own = torch.from_numpy(np.flatnonzero(took_part))
    module = train_module(
        fresh_network(1000 + target), features[own], labels[own], training=training,
        learning_rate=rate, seed=1000 + target,
    )  # fmt: skip
    shadows = train_shadows(
        torch_training(
            fresh_network, features, labels, pool_size=pool, training=training, learning_rate=rate
        ),
        pool_size=pool, count=NUM_SHADOWS, seed=1,
        recipe={"epsilon": epsilon, "training": str(training), "data": fingerprint(features)},
        folder=CACHE / f"epsilon-{epsilon}",
    )  # fmt: skip
    signals = signals_of_model(module, features[:pool], labels[:pool])
    audit = audit_membership(
        signals, took_part, shadows=shadows,
        population=signals_of_model(module, features[pool:], labels[pool:]),
    )  # fmt: skip
    two_sided = lira_offline(signals.log_odds, shadows.log_odds, shadows.is_in, tail="two_sided")
    found: dict[str, object] = {
        "train": float(signals.is_right[took_part].mean()),
        "test": evaluate(module, features[pool:], labels[pool:]).accuracy,
    }
    for attack in ATTACKS:
        values = two_sided if attack == "two-sided" else audit.scores[attack]
        one = measure_separation(Scores.split(values, took_part=took_part))
        found[attack] = [one.auc, one.advantage, one.power(0.01).true_positive_rate]
    return found


def line(setting: tuple[float | str, int], figures: dict[str, object]) -> str:
    """One row of the table."""
    cells = [" / ".join(f"{value:.3f}" for value in figures[attack]) for attack in ATTACKS]
    accuracy = f"{figures['train']:.2f} / {figures['test']:.2f}"
    return f"| {setting[0]} | {setting[1]} | {accuracy} | {' | '.join(cells)} |"


def training_for(epsilon: float | str) -> tuple[LocalTraining | PrivateTraining, float]:
    """200 epochs without noise, or 600 private steps at q = 0.1, C = 1, delta 1e-4."""
    if epsilon == "none":
        return LocalTraining(batch_size=32, local_epochs=200), 0.05
    noise = calibrated_noise_multiplier(
        epsilon=float(epsilon), delta=1e-4, sampling_rate=0.1, num_steps=NUM_STEPS
    )
    training = PrivateTraining(
        batch_size=60, num_steps=NUM_STEPS, noise_multiplier=noise, l2_norm_bound=1.0
    )
    return training, 0.5
