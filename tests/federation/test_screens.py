"""The three optional checks: they let honest updates pass and see the crude attacks."""

from __future__ import annotations

import pytest
import torch

from tithe.federation.gatekeeper import Objection
from tithe.federation.screens import DirectionScreen, HeldOutScreen, NormScreen
from tithe.sharing.update import SparseUpdate

SIZE = 200


def honest(rng):
    noise = torch.randn(SIZE, generator=rng)
    return SparseUpdate(torch.arange(SIZE), torch.ones(SIZE) + noise, SIZE)


def after_ten(screen, rng):
    for _ in range(10):
        update = honest(rng)
        assert screen.objection(update) is None
        screen.note(update)
    return screen


@pytest.mark.parametrize(
    "make", [NormScreen, lambda: DirectionScreen(size=SIZE)], ids=["norm", "direction"]
)
def test_honest_updates_pass(make, rng):
    screen = after_ten(make(), rng)
    assert all(screen.objection(honest(rng)) is None for _ in range(50))


def test_a_long_update_is_refused(rng):
    screen = after_ten(NormScreen(), rng)
    update = honest(rng)
    assert screen.objection(update.with_values(10 * update.values)) is Objection.NORM


def test_a_flipped_update_is_refused(rng):
    screen = after_ten(DirectionScreen(size=SIZE), rng)
    update = honest(rng)
    assert screen.objection(update.with_values(-update.values)) is Objection.DIRECTION


def test_nothing_is_refused_before_there_is_something_to_compare_with(rng):
    update = honest(rng)
    for screen in (NormScreen(), DirectionScreen(size=SIZE)):
        assert screen.objection(update.with_values(-1e6 * update.values)) is None


@pytest.mark.parametrize("step", [5.0, float("nan")])
def test_what_makes_the_model_worse_is_refused(step):
    screen = HeldOutScreen(lambda: torch.zeros(2), lambda vector: float(vector.square().sum()))
    good = SparseUpdate(torch.tensor([1]), torch.tensor([0.1]), 2)
    assert screen.objection(good) is None
    assert screen.objection(good.with_values(torch.tensor([step]))) is Objection.HELD_OUT
