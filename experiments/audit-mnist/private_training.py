"""One-run audit of DP-SGD at several claims: what canaries show of what is charged."""

from __future__ import annotations

import torch
from subset import fresh_network, read_rows

from tithe.audit.training_audit import audit_training
from tithe.data.datasets import load
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.models import build_model
from tithe.privacy.calibrate import calibrated_noise_multiplier

NUM_STEPS, RATE, DELTA = 300, 0.1, 1e-5
SETTINGS = [
    (data, claim, count)
    for data in ("digits", "mnist")
    for claim in (1.0, 2.0, 4.0, 8.0, 16.0)
    for count in (200, 1000, 5000)
    if data == "digits" or count == 1000
]
HEAD = (
    "| data | accountant epsilon | sigma | canaries | shown | f-DP form | ceiling "
    "| estimate, no confidence |"
)


def measure(data: str, claim: float, num_canaries: int) -> dict[str, float]:
    """One training with canaries among the rows."""
    if data == "digits":
        train = load("digits").train
        features, labels = (
            train.features.float() / max(1.0, float(train.features.max())),
            train.labels,
        )
        module = build_model("digits-mlp", num_classes=10, seed=1)
    else:
        members, others, _ = read_rows()
        features = torch.cat([members.features, others.features])
        labels = torch.cat([members.labels, others.labels])
        module = fresh_network()
    noise = calibrated_noise_multiplier(
        epsilon=claim, delta=DELTA, sampling_rate=RATE, num_steps=NUM_STEPS, relation="zero_out"
    )
    training = PrivateTraining(
        batch_size=round(RATE * (len(labels) + num_canaries)), num_steps=NUM_STEPS,
        noise_multiplier=noise, l2_norm_bound=1.0,
    )  # fmt: skip
    found = audit_training(
        module, features, labels, training=training, learning_rate=0.5, delta=DELTA,
        num_canaries=num_canaries, seed=1,
    )  # fmt: skip
    return {
        "sigma": noise, "claimed": found.claimed, "shown": found.shown,
        "gaussian": found.gaussian.epsilon, "ceiling": found.by_sum.ceiling,
        "estimate": found.estimate,
    }  # fmt: skip


def line(setting: tuple[str, float, int], figures: dict[str, float]) -> str:
    """One row of the table."""
    data, claim, count = setting
    f = figures
    return (
        f"| {data} | {claim:g} | {f['sigma']:.2f} | {count} | {f['shown']:.2f} "
        f"| {f['gaussian']:.2f} | {f['ceiling']:.2f} | {f['estimate']:.2f} |"
    )
