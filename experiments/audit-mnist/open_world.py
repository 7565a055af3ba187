"""Who took part, for an observer who holds a single candidate at a time and a public sample."""

from __future__ import annotations

from statistics import mean

import numpy as np
import torch
from local_epoch import upload_of_epoch
from subset import Rows, fresh_network, read_rows
from torch import nn

from tithe.audit.member_list import OpenDecoder, Rehearsal, choose_ridge
from tithe.audit.record_gradients import record_gradients
from tithe.audit.scores import Scores
from tithe.audit.separation import auc_with_spread, power_at

THETA, LEARNING_RATE, NUM_STRANGERS = 0.1, 0.1, 300
SETTINGS = [(count,) for count in (8, 32, 128, 300)]
HEAD = "| records of one gradient | theta_u | AUC | TPR at 1 % | ridge, of a rehearsal | uploads |"


def measure(num_records: int) -> dict[str, float]:
    """One gradient of so many records, fresh network; the ridge comes from a rehearsal."""
    members, others, population = read_rows()
    module = fresh_network()
    here, elsewhere = torch.arange(NUM_STRANGERS), torch.arange(NUM_STRANGERS, 600)
    own = others.take(elsewhere[:num_records])
    rehearsed = Played(module, own, members.take(elsewhere), population, seed=100)
    ridge = choose_ridge([rehearsed.as_rehearsal()])
    num_uploads = max(1, min(8, NUM_STRANGERS // num_records))
    areas, powers = [], []
    for number in range(num_uploads):
        own = members.take(here[number * num_records : (number + 1) * num_records])
        played = Played(module, own, others.take(here), population, seed=number)
        scores = played.scores(ridge)
        areas.append(auc_with_spread(scores)[0])
        powers.append(power_at(scores, 0.01).true_positive_rate)
    return {"auc": mean(areas), "power": mean(powers), "uploads": num_uploads, "ridge": ridge}


class Played:
    """One upload, and the gradients of its members, of strangers and of the public sample."""

    def __init__(
        self, module: nn.Module, own: Rows, strangers: Rows, public: Rows, *, seed: int
    ) -> None:
        update = upload_of_epoch(
            module, own, batch_size=len(own), learning_rate=LEARNING_RATE, theta=THETA, seed=seed
        )
        mine, theirs, seen = (
            record_gradients(module, each.features, each.labels, columns=update.indices)
            for each in (own, strangers, public)
        )
        self._decoder, self._values = OpenDecoder(torch.cat([mine, theirs]), seen), update.values
        self._took_part = np.arange(len(mine) + len(theirs)) < len(mine)

    def as_rehearsal(self) -> Rehearsal:
        """With who took part."""
        return Rehearsal(self._decoder, self._values, self._took_part)

    def scores(self, ridge: float) -> Scores:
        """Each candidate by itself."""
        told = self._decoder.scores(self._values, ridge=ridge)
        return Scores.split(told, took_part=self._took_part)


def line(setting: tuple[int], figures: dict[str, float]) -> str:
    """One row of the table."""
    f = figures
    return (
        f"| {setting[0]} | {THETA:g} | {f['auc']:.3f} | {f['power']:.3f} | {f['ridge']:g} "
        f"| {f['uploads']} |"
    )
