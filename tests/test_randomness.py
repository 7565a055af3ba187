"""Named streams: the same names give the same draws, any other name gives others."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from scipy.stats import kstest

from tithe.randomness import stream

FALSE_ALARM = 1e-6
NAMES = {"seed": (1, 2), "purpose": ("batches", "mask"), "participant": (-1, 0, 1), "turn": (0, 11)}


def draws(seed, purpose, participant, turn, count=4):
    rng = stream(seed, purpose=purpose, participant=participant, turn=turn)
    return torch.rand(count, generator=rng, dtype=torch.float64)


def test_the_same_names_give_the_same_draws():
    assert torch.equal(draws(1, "batches", 3, 5), draws(1, "batches", 3, 5))


def test_every_name_matters():
    seen = {tuple(draws(*names).tolist()) for names in itertools.product(*NAMES.values())}
    assert len(seen) == 2 * 2 * 3 * 2


def test_names_do_not_run_into_each_other():
    assert not torch.equal(draws(1, "batches", 1, 11), draws(1, "batches", 11, 1))
    assert not torch.equal(draws(11, "a", 1, 1), draws(1, "a", 1, 1))


def test_asking_moves_nothing_global():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    stream(1, purpose="batches")
    assert torch.equal(torch.rand(1), expected)


def test_first_draws_over_many_names_are_uniform_and_unrelated():
    first = np.array([float(draws(1, "x", p, 0, 1)[0]) for p in range(2000)])
    assert kstest(first, "uniform").pvalue > FALSE_ALARM
    assert kstest(first**1.3, "uniform").pvalue < FALSE_ALARM  # the test sees another law
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 5 / np.sqrt(2000)
