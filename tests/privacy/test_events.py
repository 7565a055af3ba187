"""Events: plain facts that survive being written down, and nothing impossible among them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainSelection,
    PlainValues,
    RepeatedRowSteps,
    SparseVectorSelection,
    TouchedRowSteps,
    event_of,
    row_of,
    shuffled_event,
)

HERS = {"unit": "participant", "relation": "replace"}

scales = st.floats(1e-300, 1e300)
counts = st.integers(1, 10**12)
neighbours = {
    "unit": st.sampled_from(["record", "participant"]),
    "relation": st.sampled_from(["add_or_remove", "replace", "zero_out"]),
}
events = st.one_of(
    st.builds(PlainSelection, counts, st.sampled_from(["largest", "random_above_tau"])),
    st.builds(PlainValues, counts),
    st.builds(GaussianSteps, scales, st.floats(1e-12, 1), counts, **neighbours),
    st.builds(
        RepeatedRowSteps,
        *(scales, st.floats(1e-12, 0.999), st.integers(1, 1000), counts),
        unit=st.just("record"),
        relation=neighbours["relation"],
    ),
    st.builds(
        TouchedRowSteps,
        *(scales, st.floats(1e-12, 0.999), st.integers(1, 1000), st.integers(1, 1000), counts),
        unit=st.just("record"),
        relation=neighbours["relation"],
    ),
    st.builds(LaplaceRelease, scales, counts, **neighbours),
    st.builds(
        SparseVectorSelection,
        *(scales, scales, counts, st.booleans(), st.booleans(), st.none() | counts),
        **neighbours,
    ),
    st.builds(GumbelSelection, scales, counts, **neighbours),
)


@given(events)
def test_what_is_written_down_comes_back_exactly(event):
    assert event_of(json.loads(json.dumps(row_of(event)))) == event


def test_a_row_is_plain_data_that_names_its_kind():
    assert row_of(LaplaceRelease(0.5, 3, **HERS)) == {
        "kind": "laplace_release",
        "scale": 0.5,
        "count": 3,
        "unit": "participant",
        "relation": "replace",
    }


@pytest.mark.parametrize("kind", ["exponential", None, 3, ["gaussian_steps"]])
def test_a_kind_nobody_knows_is_refused_and_the_known_ones_are_named(kind):
    with pytest.raises(ValueError, match=r"unknown kind of event .* known are .*gumbel_selection"):
        event_of({"kind": kind, "count": 1})


def test_a_field_too_many_or_too_few_is_refused():
    row = row_of(LaplaceRelease(0.5, 3, **HERS))
    with pytest.raises(ValueError, match="no field 'scales'; did you mean scale"):
        event_of(row | {"scales": 2.0})
    with pytest.raises(ValueError, match="kind laplace_release needs relation"):
        event_of({name: value for name, value in row.items() if name != "relation"})
    with pytest.raises(ValueError, match="wrong type"):
        event_of(row | {"scale": "wide"})


def test_what_is_no_event_has_no_row():
    with pytest.raises(TypeError, match="no accountant knows the event str"):
        row_of("something else")


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_every_scale_is_finite_and_positive(wrong):
    with pytest.raises(ValueError, match="noise_multiplier must be finite and > 0"):
        GaussianSteps(wrong, **HERS)
    with pytest.raises(ValueError, match="scale must be finite and > 0"):
        LaplaceRelease(wrong, 1, **HERS)
    with pytest.raises(ValueError, match="scale must be finite and > 0"):
        GumbelSelection(wrong, 1, **HERS)
    with pytest.raises(ValueError, match="threshold_scale must be finite and > 0"):
        SparseVectorSelection(wrong, 1.0, 1, True, **HERS)
    with pytest.raises(ValueError, match="query_scale must be finite and > 0"):
        SparseVectorSelection(1.0, wrong, 1, True, **HERS)


@pytest.mark.parametrize("wrong", [0, -3, 1.5, True, math.nan])
def test_every_count_is_a_whole_number_from_one(wrong):
    with pytest.raises(ValueError, match="count must be"):
        LaplaceRelease(1.0, wrong, **HERS)
    with pytest.raises(ValueError, match="count must be"):
        GaussianSteps(1.0, count=wrong, **HERS)
    with pytest.raises(ValueError, match="most_taken must be"):
        TouchedRowSteps(1.0, 0.1, 1, wrong, unit="record", relation="replace")
    with pytest.raises(ValueError, match="num_queries must be"):
        SparseVectorSelection(1.0, 1.0, 1, True, num_queries=wrong, **HERS)


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, math.nan])
def test_a_sampling_rate_is_a_fraction(wrong):
    with pytest.raises(ValueError, match=r"sampling_rate must be in \(0, 1\]"):
        GaussianSteps(1.0, wrong, **HERS)


def test_a_private_event_says_whose_presence_it_hides_and_how():
    with pytest.raises(ValueError, match="unit must be one of record, participant, got 'row'"):
        LaplaceRelease(1.0, 1, unit="row", relation="replace")
    with pytest.raises(ValueError, match="relation must be one of add_or_remove, replace"):
        LaplaceRelease(1.0, 1, unit="record", relation="change")
    with pytest.raises(ValueError, match="is_redrawn must be true or false, got 1"):
        SparseVectorSelection(1.0, 1.0, 1, 1, **HERS)


def test_shuffled_batches_are_charged_once_a_pass_and_without_amplification():
    silent = shuffled_event(noise_multiplier=1.1, num_passes=60, relation="zero_out")
    assert silent == GaussianSteps(1.1, 1.0, 60, unit="record", relation="zero_out")
    # Another record moves the sum from +bound to -bound at worst: twice as far.
    replaced = shuffled_event(noise_multiplier=1.1, num_passes=60, relation="replace")
    assert replaced == GaussianSteps(0.55, 1.0, 60, unit="record", relation="replace")


def test_shuffled_batches_say_nothing_about_one_record_more_or_less():
    with pytest.raises(ValueError, match="moves others into other batches; sample with Poisson"):
        shuffled_event(noise_multiplier=1.1, num_passes=60, relation="add_or_remove")
