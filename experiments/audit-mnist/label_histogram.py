"""How well the classes of a skewed participant are counted from its upload.

What the network thinks of public rows has to be asked of rows that it was not trained on: of those
it is surer than of a participant's.
"""

from __future__ import annotations

from statistics import mean

import numpy as np
import torch
from local_epoch import upload_of_epoch
from member_list import RATES
from one_record import trained
from subset import Rows, fresh_network, read_rows

from tithe.audit.label_counts import count_labels, mean_thought, share_miscounted
from tithe.audit.layer_places import last_linear
from tithe.audit.scores import Integers
from tithe.learning.evaluate import predict

NUM_RECORDS, CONCENTRATION, NUM_CLASSES, NUM_PUBLIC = 150, 0.3, 10, 300
SEEDS = tuple(range(8))
RECIPES = ((150, 0.1), (32, 0.01), (1, 0.001))  # batch, step
SETTINGS = [
    (state, batch, rate, theta)
    for state in ("fresh", *RATES)
    for batch, rate in RECIPES
    for theta in (1.0, 0.1, 0.01, 0.001)
]
HEAD = "| network | batch | step | theta_u | miscounted | by a uniform guess | biases sent |"


def measure(state: str, batch_size: int, learning_rate: float, theta: float) -> dict[str, float]:
    """Means over eight participants whose classes are drawn from a Dirichlet law."""
    members, others, population = read_rows()
    module = (
        fresh_network() if state == "fresh" else trained(population, learning_rate=RATES[state])
    )
    public, rest = (others.take(part) for part in torch.arange(len(others)).split(NUM_PUBLIC))
    pool = Rows(
        torch.cat([members.features, rest.features]), torch.cat([members.labels, rest.labels])
    )
    thought = mean_thought(
        predict(module, public.features).double().numpy(),
        public.labels.numpy(),
        num_classes=NUM_CLASSES,
    )
    place = last_linear(module)
    wrong, guessed, sent = [], [], []
    for seed in SEEDS:
        rows = pool.take(torch.from_numpy(_skewed(pool.labels.numpy(), seed)))
        truth = np.bincount(rows.labels.numpy(), minlength=NUM_CLASSES)
        update = upload_of_epoch(
            module, rows, batch_size=batch_size, learning_rate=learning_rate, theta=theta,
            seed=seed,
        )  # fmt: skip
        found = count_labels(
            update, place, num_records=len(rows), batch_size=batch_size,
            learning_rate=learning_rate, thought=thought, chose_largest=True,
        )  # fmt: skip
        wrong.append(share_miscounted(found.counts, truth))
        guessed.append(share_miscounted(np.full(NUM_CLASSES, len(rows) / NUM_CLASSES), truth))
        sent.append(found.num_classes_sent)
    return {"miscounted": mean(wrong), "guess": mean(guessed), "biases_sent": mean(sent)}


def line(setting: tuple[str, int, float, float], figures: dict[str, float]) -> str:
    """One row of the table."""
    state, batch_size, rate, theta = setting
    f = figures
    batch = f"one gradient of {batch_size}" if batch_size == NUM_RECORDS else str(batch_size)
    return (
        f"| {state} | {batch} | {rate:g} | {theta:g} | {f['miscounted']:.3f} | {f['guess']:.2f} "
        f"| {f['biases_sent']:.1f} of 10 |"
    )


def _skewed(labels: Integers, seed: int) -> Integers:
    """150 rows, their classes in shares of a Dirichlet law, as far as each class has rows."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(NUM_CLASSES, CONCENTRATION))
    weights = shares[labels] / np.bincount(labels, minlength=NUM_CLASSES)[labels]
    weights = np.maximum(weights, 1e-12)
    return rng.choice(len(labels), NUM_RECORDS, replace=False, p=weights / weights.sum())
