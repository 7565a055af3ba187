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


def rising_by(rise):
    return SparseUpdate(torch.tensor([0]), torch.tensor([rise]), 1)


def held_out_screen(**limits):
    """The loss is the parameter itself, so an update's value is the rise."""
    return HeldOutScreen(lambda: torch.zeros(1), lambda vector: float(vector[0]), **limits)


def test_the_held_out_limit_learns_how_much_honest_updates_raise_the_loss():
    screen = held_out_screen(tolerance=0.1)
    honest = [-0.2, 0.05, -0.1, 0.08, 0.0, -0.15, 0.09, -0.05]
    assert all(screen.objection(rising_by(rise)) is None for rise in honest)
    assert screen.objection(rising_by(0.2)) is None
    assert screen.objection(rising_by(0.6)) is Objection.HELD_OUT


def test_a_minority_of_attackers_does_not_lift_the_held_out_limit():
    screen = held_out_screen(tolerance=0.1)
    for turn in range(60):
        is_bad = turn % 10 in {1, 4, 7}
        found = screen.objection(rising_by(3.0 if is_bad else 0.01 * (turn % 5)))
        assert found is (Objection.HELD_OUT if is_bad else None)


def test_without_a_spread_the_held_out_limit_stays():
    screen = held_out_screen(tolerance=0.1, spread=0.0)
    for _ in range(30):
        assert screen.objection(rising_by(0.11)) is Objection.HELD_OUT


def test_what_makes_the_model_better_passes_however_often():
    vector = torch.full((2,), 4.0)
    screen = HeldOutScreen(lambda: vector, lambda each: float(each.square().sum()))
    step = SparseUpdate(torch.tensor([0, 1]), torch.full((2,), -0.1), 2)
    for _ in range(30):
        assert screen.objection(step) is None
        vector = vector + step.values


@pytest.mark.parametrize("step", [5.0, float("nan")])
def test_what_makes_the_model_worse_is_refused(step):
    screen = HeldOutScreen(lambda: torch.zeros(2), lambda vector: float(vector.square().sum()))
    good = SparseUpdate(torch.tensor([1]), torch.tensor([0.1]), 2)
    assert screen.objection(good) is None
    assert screen.objection(good.with_values(torch.tensor([step]))) is Objection.HELD_OUT
