"""Condensing: fewer events, and no accountant sees a difference."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.privacy.accounting import epsilon_of
from tithe.privacy.condensed import condensed
from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainSelection,
    PlainValues,
    SparseVectorSelection,
)

WHO = {"unit": "participant", "relation": "replace"}
counts = st.integers(1, 20)
scales = st.sampled_from([30.0, 100.0])
private_events = st.one_of(
    st.builds(GaussianSteps, scales, count=counts, **{key: st.just(WHO[key]) for key in WHO}),
    st.builds(LaplaceRelease, scales, counts, **{key: st.just(WHO[key]) for key in WHO}),
    st.builds(GumbelSelection, scales, counts, **{key: st.just(WHO[key]) for key in WHO}),
    st.builds(
        SparseVectorSelection,
        scales,
        scales,
        counts,
        st.booleans(),
        **{key: st.just(WHO[key]) for key in WHO},
    ),
)


@settings(max_examples=50)
@given(st.lists(private_events, max_size=10), st.sampled_from(["pure", "rdp"]))
def test_the_cost_stays_the_same(events, accountant):
    fewer = condensed(events)
    assert len(fewer) <= len(events)
    cost = epsilon_of(fewer, delta=1e-5, accountant=accountant)
    assert cost == pytest.approx(epsilon_of(events, delta=1e-5, accountant=accountant), rel=1e-12)


@given(st.lists(private_events, max_size=10), st.lists(private_events, max_size=10))
def test_condensing_in_parts_or_at_once_is_the_same(first, second):
    assert condensed([*condensed(first), *second]) == condensed([*first, *second])


@given(st.lists(private_events, max_size=5), st.integers(1, 5))
def test_so_many_times_over_is_what_it_says(events, times):
    assert condensed(events, times=times) == condensed(events * times)
    with pytest.raises(ValueError, match="times must be"):
        condensed(events, times=0)


def test_equal_mechanisms_are_counted_and_others_kept_apart():
    step = GaussianSteps(1.1, 0.01, count=5, unit="record", relation="add_or_remove")
    other = GaussianSteps(1.2, 0.01, count=5, unit="record", relation="add_or_remove")
    ten = GaussianSteps(1.1, 0.01, count=10, unit="record", relation="add_or_remove")
    assert condensed([step, other, step]) == [ten, other]


def test_a_threshold_that_is_kept_is_not_shared_between_selections():
    kept = SparseVectorSelection(10.0, 20.0, 3, is_redrawn=False, **WHO)
    redrawn = SparseVectorSelection(10.0, 20.0, 3, is_redrawn=True, **WHO)
    six = SparseVectorSelection(10.0, 20.0, 6, is_redrawn=True, **WHO)
    assert condensed([kept, kept]) == [kept, kept]
    assert condensed([redrawn, redrawn]) == [six]


def test_plain_releases_stay_plain():
    events = [PlainValues(3), PlainSelection(2, "largest"), PlainValues(4), PlainValues(0)]
    assert condensed(events) == [PlainValues(7), PlainSelection(2, "largest")]
    assert condensed([PlainValues(0)]) == [PlainValues(0)]
    assert condensed([]) == []
