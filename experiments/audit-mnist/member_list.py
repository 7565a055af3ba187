"""Which 300 of 600 candidates stand behind one upload of one local epoch."""

from __future__ import annotations

from statistics import mean

import numpy as np
import torch
from one_record import trained
from subset import Rows, fresh_network, read_rows

from tithe.audit.member_list import Decoder, Rehearsal, choose_ridge
from tithe.audit.record_gradients import record_gradients
from tithe.audit.scores import Scores
from tithe.audit.separation import auc_with_spread, power_at
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.sharing.stages import Coins, keep_largest
from tithe.sharing.update import everything

SEEDS = (3, 4, 5)  # of who took part, and in which batches
BATCHES = ((300, 0.1), (32, 0.001), (32, 0.01), (32, 0.05), (32, 0.1), (1, 0.001), (1, 0.01))
RATES = {"warm": 0.02, "sure": 0.1}  # of the 300 steps that the network was trained for
SETTINGS = [("warm", size, rate, theta) for size, rate in BATCHES for theta in (1.0, 0.1, 0.01)]
SETTINGS += [("sure", size, rate, 0.1) for size, rate in BATCHES]
SETTINGS += [("fresh", 300, 0.1, 0.01), ("fresh", 32, 0.05, 0.1)]
HEAD = "| network | batch | step | theta_u | AUC | TPR at 1 % | ridge, of a rehearsal |"


def measure(state: str, batch_size: int, learning_rate: float, theta: float) -> dict[str, float]:
    """Means over three halves; the ridge comes from a rehearsal on another half.

    The candidates are not those on which decoder and networks were settled.
    """
    members, others, population = read_rows()
    module = fresh_network()
    if state in RATES:
        module = trained(population, learning_rate=RATES[state])
    pool = Rows(
        torch.cat([members.features[300:], others.features[300:]]),
        torch.cat([members.labels[300:], others.labels[300:]]),
    )
    options = {"batch_size": batch_size, "learning_rate": learning_rate, "theta": theta}
    ridge = choose_ridge([rehearsed(module, pool, seed=1, **options)])
    areas, powers = [], []
    for seed in SEEDS:
        found = rehearsed(module, pool, seed=seed, **options)
        values = found.decoder.scores(found.values, ridge=ridge)
        scores = Scores.split(values, took_part=found.took_part)
        areas.append(auc_with_spread(scores)[0])
        powers.append(power_at(scores, 0.01).true_positive_rate)
    return {"auc": mean(areas), "power": mean(powers), "ridge": ridge}


def line(setting: tuple[str, int, float, float], figures: dict[str, float]) -> str:
    """One row of the table."""
    state, batch_size, rate, theta = setting
    f = figures
    batch = "one gradient of 300" if batch_size == 300 else str(batch_size)
    return (
        f"| {state} | {batch} | {rate:g} | {theta:g} | {f['auc']:.3f} | {f['power']:.3f} "
        f"| {f['ridge']:g} |"
    )


def rehearsed(
    module: torch.nn.Module, pool: Rows, *, batch_size: int, learning_rate: float, theta: float,
    seed: int,
) -> Rehearsal:  # fmt: skip
    """An upload of a random half of the pool, and the decoder for it."""
    before = read_vector(module)
    took_part = np.random.default_rng(seed).permutation(len(pool)) < len(pool) // 2
    own = pool.take(torch.from_numpy(np.flatnonzero(took_part)))
    rng = torch.Generator().manual_seed(seed)
    train_locally(
        module, own.features, own.labels, training=LocalTraining(batch_size=batch_size),
        learning_rate=learning_rate, rng=rng,
    )  # fmt: skip
    change = read_vector(module) - before
    write_vector(module, before)
    update = keep_largest(theta_u=theta)(everything(change), Coins(rng, rng))[0]
    gradients = record_gradients(module, pool.features, pool.labels, columns=update.indices)
    return Rehearsal(Decoder(gradients), update.values, took_part)
