"""Targets: the noise they ask for is the noise that a plan with the same steps gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.checks import BadInput
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.local import LocalTraining
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.private_selection import gumbel_event
from tithe.privacy.release import gaussian_release_event, laplace_release_event
from tithe.privacy.targets import (
    RELATIONS,
    Steps,
    epsilons,
    noise_multipliers,
    turns_bought,
    upload_scales,
)

STEPS = Steps.over_rows(num_rows=2000, batch_size=64, epochs=20)


@given(st.integers(1, 5000), st.integers(1, 300), st.floats(0.1, 30))
def test_steps_are_counted_as_training_takes_them(num_rows, batch_size, epochs):
    steps = Steps.over_rows(num_rows=num_rows, batch_size=batch_size, epochs=epochs)
    batch_size = min(batch_size, num_rows)
    training = LocalTraining(batch_size=batch_size, local_epochs=epochs)
    private = PrivateTraining(batch_size, 1, noise_multiplier=1.0, l2_norm_bound=1.0)
    assert steps.num_steps == training.num_steps(num_rows)
    assert steps.sampling_rate == private.sampling_rate(num_rows)
    assert steps.steps_a_pass == -(-num_rows // batch_size)
    assert Steps.at_rate(steps.sampling_rate, epochs=epochs) == steps


@pytest.mark.parametrize("batches", RELATIONS)
def test_the_noise_found_costs_the_target_and_a_little_less_costs_more(batches):
    found = noise_multipliers(STEPS, epsilon=8.0, delta=1e-5)[batches]
    for accountant, noise_multiplier in found.items():
        least, less = (
            epsilon_of([STEPS.everything(noise, batches)], delta=1e-5, accountant=accountant)
            for noise in (noise_multiplier, noise_multiplier * 0.999)
        )
        assert least <= 8.0 < less
    assert found["pld"] < found["rdp"]


def test_shuffled_batches_need_more_noise_than_samples():
    found = noise_multipliers(STEPS, epsilon=8.0, delta=1e-5)
    assert found["shuffle"]["pld"] > 3 * found["poisson"]["rdp"]


def test_what_steps_cost_is_the_known_figure():
    # The setting of docs/accounting.md: 60,000 rows, batches of 256, 60 epochs, multiplier 1.1.
    steps = Steps(256 / 60_000, 14_062)
    told = epsilons(steps, noise_multiplier=1.1, delta=1e-5)
    assert told["poisson"]["rdp"] == pytest.approx(2.5966, abs=1e-4)
    assert told["poisson"]["pld"] == pytest.approx(2.382, abs=2e-3)
    assert told["shuffle"]["pld"] == pytest.approx(54.05, abs=0.01)


@pytest.mark.parametrize("batches", RELATIONS)
def test_one_turn_more_than_was_bought_passes_the_target(batches):
    turn = Steps.over_rows(num_rows=500, batch_size=50, epochs=1)
    bought = turns_bought(turn, noise_multiplier=3.0, epsilon=4.0, delta=1e-5)[batches]
    for accountant, num_turns in bought.items():
        events = [turn.turn(3.0, batches)]
        assert epsilon_of(events * num_turns, delta=1e-5, accountant=accountant) <= 4.0
        assert epsilon_of(events * (num_turns + 1), delta=1e-5, accountant=accountant) > 4.0


@pytest.mark.parametrize("relation", ["zero_out", "replace"])
def test_upload_noise_is_in_the_units_that_the_mechanisms_take(relation):
    scales = upload_scales(num_turns=5, count=40, epsilon=2.0, delta=1e-5, relation=relation)
    terms = {"unit": "participant", "relation": relation}
    for accountant in ("rdp", "pld"):
        by = {name: each[accountant] for name, each in scales.items()}
        one = {
            "laplace": laplace_release_event(40, scale_in_gamma=by["laplace"], **terms),
            "gumbel": gumbel_event(40, scale_in_gamma=by["gumbel"], relation=relation),
            "gaussian": gaussian_release_event(noise_multiplier=by["gaussian"], **terms),
        }
        for event in one.values():
            spent = epsilon_of([event] * 5, delta=1e-5, accountant=accountant)
            assert 1.98 < spent <= 2.0 + 1e-9


def test_at_delta_zero_there_is_no_gaussian():
    scales = upload_scales(num_turns=5, count=40, epsilon=2.0, delta=0.0, relation="zero_out")
    assert set(scales) == {"laplace", "gumbel"}
    assert scales["laplace"]["pure"] == pytest.approx(100.0)


def test_what_no_noise_reaches_is_one_sentence():
    with pytest.raises(BadInput, match="no scale costs at most epsilon"):
        upload_scales(num_turns=1, count=1, epsilon=1e-40, delta=0.0, relation="zero_out")
