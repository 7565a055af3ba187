"""The honest total: against closed forms, published figures and another accountant."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.privacy.accounting import epsilon_of, total_cost
from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainSelection,
    PlainValues,
    SparseVectorSelection,
    shuffled_event,
)

HERS = {"unit": "participant", "relation": "replace"}
ROW = {"unit": "record", "relation": "add_or_remove"}
ACCOUNTANTS = ("pure", "rdp", "pld")

scales = st.floats(0.3, 1e4)
counts = st.integers(1, 200)
pure_events = st.one_of(
    st.builds(
        LaplaceRelease, scales, counts, unit=st.just("participant"), relation=st.just("replace")
    ),
    st.builds(
        GumbelSelection, scales, counts, unit=st.just("participant"), relation=st.just("replace")
    ),
    st.builds(
        SparseVectorSelection,
        *(scales, scales, counts, st.booleans(), st.booleans()),
        unit=st.just("participant"),
        relation=st.just("replace"),
    ),
)


def steps(noise_multiplier, sampling_rate=1.0, count=1, **neighbours):
    return GaussianSteps(noise_multiplier, sampling_rate, count, **(neighbours or ROW))


def sparse(threshold, query, count, is_redrawn, **more):
    return SparseVectorSelection(threshold, query, count, is_redrawn, **more, **HERS)


# ------------------------------------------------------------------------------- properties


@pytest.mark.parametrize("accountant", ACCOUNTANTS)
def test_nothing_released_costs_nothing(accountant):
    assert epsilon_of([], delta=1e-5, accountant=accountant) == 0.0


@pytest.mark.parametrize("accountant", ACCOUNTANTS)
@pytest.mark.parametrize("event", [PlainSelection(3, "largest"), PlainValues(1)])
def test_any_plain_release_costs_everything(accountant, event):
    protected = LaplaceRelease(1e6, 1, **HERS)
    assert epsilon_of([protected, event], delta=0.1, accountant=accountant) == math.inf


@pytest.mark.parametrize("accountant", ACCOUNTANTS)
def test_an_event_nobody_knows_is_refused(accountant):
    with pytest.raises(TypeError, match="no accountant knows the event str"):
        epsilon_of([PlainValues(1), "something else"], delta=1e-5, accountant=accountant)


@settings(max_examples=30)
@given(st.lists(pure_events, min_size=1, max_size=4))
def test_a_finer_accountant_never_reports_more(events):
    pure, rdp, pld = (epsilon_of(events, delta=1e-5, accountant=name) for name in ACCOUNTANTS)
    assert 0 < pld <= rdp <= pure


@settings(max_examples=30)
@given(st.lists(pure_events, min_size=1, max_size=4))
def test_at_delta_zero_every_accountant_is_the_plain_sum(events):
    total = sum(epsilon_of([event], delta=0.0) for event in events)
    for accountant in ACCOUNTANTS:
        assert epsilon_of(events, delta=0.0, accountant=accountant) == pytest.approx(total)


@pytest.mark.parametrize("accountant", ACCOUNTANTS)
def test_neither_grouping_nor_order_matters(accountant):
    together = [
        steps(3.0, 0.1, 40),
        LaplaceRelease(50.0, 12, **ROW),
        GumbelSelection(80.0, 6, **ROW),
        SparseVectorSelection(60.0, 70.0, 4, True, **ROW),
    ]
    apart = [
        *[steps(3.0, 0.1, 8)] * 5,
        *[LaplaceRelease(50.0, 3, **ROW)] * 4,
        *[GumbelSelection(80.0, 1, **ROW)] * 6,
        *[SparseVectorSelection(60.0, 70.0, 2, True, **ROW)] * 2,
    ]
    random.Random(3).shuffle(apart)
    one, other = (epsilon_of(x, delta=1e-5, accountant=accountant) for x in (together, apart))
    assert one == other


@pytest.mark.parametrize("accountant", ACCOUNTANTS)
def test_more_never_costs_less(accountant):
    spent, events = 0.0, []
    for event in [
        LaplaceRelease(9.0, 2, **HERS),
        sparse(20, 30, 3, False),
        *[GumbelSelection(9, 1, **HERS)] * 3,
    ]:
        events.append(event)
        total = epsilon_of(events, delta=1e-6, accountant=accountant)
        assert total > spent
        spent = total


@pytest.mark.parametrize("delta", [-0.1, 1.0, math.nan])
def test_delta_is_a_probability(delta):
    with pytest.raises(ValueError, match=r"delta must be in \[0, 1\)"):
        epsilon_of([], delta=delta)


def test_an_accountant_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="accountant must be one of pld, rdp, pure, got 'gdp'"):
        epsilon_of([], delta=1e-5, accountant="gdp")


# ----------------------------------------------------------------------------- closed forms


def test_pure_costs_by_hand():
    def pure(event):
        return epsilon_of([event], delta=0.0)

    assert pure(LaplaceRelease(0.5, 3, **HERS)) == 6.0
    assert pure(GumbelSelection(4.0, 3, **HERS)) == 1.5
    assert pure(sparse(2.0, 4.0, 3, True)) == 3 * (1 / 2 + 2 / 4)
    assert pure(sparse(2.0, 4.0, 3, False)) == 1 / 2 + 2 * 3 / 4
    assert pure(sparse(2.0, 4.0, 3, True, is_monotonic=True)) == 3 * (1 / 2 + 1 / 4)
    assert pure(sparse(2.0, 4.0, 3, False, is_monotonic=True)) == 1 / 2 + 3 / 4
    assert pure(steps(100.0)) == math.inf


# ------------------------------------------------------------------------ published figures


def test_the_true_cost_of_the_papers_epoch():
    # Shokri & Shmatikov 2015: eps1 = 8/9, eps2 = 2/9 of epsilon, sigma(x) = 2 c Df / x, Df = 2
    # gamma. Threshold Lap(sigma(eps1)), query Lap(2 sigma(eps1)), release Lap(sigma(eps2)).
    epsilon, c = 10.0, 7
    threshold, query, release = (2 * c * 9 / 8 / epsilon, 4 * c * 9 / 8 / epsilon, c * 9 / epsilon)

    def total(query_sensitivity, value_sensitivity):  # in units of Df
        return epsilon_of(
            [
                sparse(threshold / query_sensitivity, query / query_sensitivity, c, True),
                LaplaceRelease(release / value_sensitivity, c, **HERS),
            ],
            delta=0.0,
        )

    assert total(1.0, 1.0) == pytest.approx(epsilon)  # 8/9 + 1/9, not 8/9 + 2/9
    assert total(0.5, 1.0) == pytest.approx(5 / 9 * epsilon)  # |v| moves by gamma only


def test_the_figure_that_is_often_quoted_is_kept_apart():
    cost = total_cost([sparse(2.0, 4.0, 50, True), LaplaceRelease(1.0, 50, **HERS)], delta=1e-5)
    assert cost.pure.epsilon == 100.0
    assert cost.pure.delta == 0.0
    assert cost.naive_epsilon_per_value == 2.0
    assert (cost.pld.unit, cost.pld.relation, cost.pld.delta) == ("participant", "replace", 1e-5)
    assert cost.pld.accountant == "pld"
    assert total_cost([steps(1.0)], delta=1e-5).naive_epsilon_per_value is None


def test_one_setting_by_every_way_to_sample():
    event = steps(1.1, 256 / 60_000, 14_062)
    assert f"{epsilon_of([event], delta=1e-5, grid=1e-4):.4f}" == "2.3817"
    assert f"{epsilon_of([event], delta=1e-5, grid=1e-3):.4f}" == "2.3905"
    # Two records of bound 1 are 2 apart, so the noise over that sensitivity is half.
    other = steps(0.55, 256 / 60_000, 14_062, unit="record", relation="replace")
    assert f"{epsilon_of([other], delta=1e-5, grid=1e-3):.4f}" == "4.2274"
    assert 4.2 < epsilon_of([other], delta=1e-5, accountant="rdp") < 6
    shuffled = shuffled_event(noise_multiplier=1.1, num_passes=60, relation="zero_out")
    assert f"{epsilon_of([shuffled], delta=1e-5):.2f}" == "54.05"


def test_rows_of_many_kinds_add_up():
    events = [
        steps(1.1, 256 / 60_000, 14_062),
        *[SparseVectorSelection(40.0, 800.0, 10, False, **ROW)] * 20,
        LaplaceRelease(200.0, 200, **ROW),
        steps(60.0, count=50),
    ]
    totals = [epsilon_of(events[:end], delta=1e-5, grid=1e-3) for end in (1, 21, 22, 23)]
    assert totals == pytest.approx([2.3905, 2.5724, 2.5904, 2.64], abs=1e-4)


# ------------------------------------------------------------------------------------ edges


def test_mixed_relations_cost_what_replacing_costs():
    mixed = [LaplaceRelease(8.0, 1, unit="record", relation=r) for r in ("replace", "zero_out")]
    assert epsilon_of(mixed, delta=0.0) == 1 / 8 + 2 / 8


def test_a_total_may_be_asked_for_records():
    hers = LaplaceRelease(8.0, 1, **HERS)
    mine = LaplaceRelease(8.0, 1, **ROW)
    assert epsilon_of([hers, mine], delta=0.0, unit="record") == 2 / 8
    with pytest.raises(ValueError, match="a total speaks of one unit"):
        epsilon_of([hers, mine], delta=0.0)


def test_astronomical_costs_are_told_and_nothing_breaks():
    epoch = [sparse(0.5, 1.0, 10_551, True), LaplaceRelease(1.0, 10_551, **HERS)]
    year = [event for event in epoch for _ in range(400)]
    assert epsilon_of(year, delta=1e-5) == pytest.approx(400 * 5 * 10_551, rel=0.2)
    assert epsilon_of([LaplaceRelease(1e-300, 5, **HERS)], delta=1e-5) > 1e300
    assert epsilon_of([steps(1e-200, 0.5, 3)], delta=1e-5) == math.inf
    assert 1e3 < epsilon_of([steps(0.01)], delta=1e-5) < math.inf


def test_next_to_nothing_is_still_something():
    quiet = [steps(1e6, 1e-4, 10**6)]
    assert 0 < epsilon_of(quiet, delta=1e-5) < 1e-3
    assert 0 < epsilon_of([LaplaceRelease(1e9, 1, **HERS)], delta=1e-12) <= 1e-9
