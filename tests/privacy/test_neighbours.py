"""Neighbours: events about different ones become comparable, and never cheaper by it."""

from __future__ import annotations

import pytest

from tithe.privacy.events import (
    GaussianSteps,
    GumbelSelection,
    LaplaceRelease,
    PlainValues,
    SparseVectorSelection,
)
from tithe.privacy.neighbours import as_replace, comparable


def laplace(scale, unit, relation, count=1):
    return LaplaceRelease(scale, count, unit=unit, relation=relation)


def test_events_about_the_same_neighbours_stay_what_they_are():
    released = comparable([laplace(2.0, "record", "zero_out", 3), PlainValues(4)])
    assert released.counts == ((laplace(2.0, "record", "zero_out"), 3),)
    assert (released.unit, released.relation) == ("record", "zero_out")
    assert released.has_plain


def test_the_same_mechanisms_are_counted_together_however_they_came():
    hers = {"unit": "participant", "relation": "replace"}
    one = comparable([laplace(2.0, **hers, count=5), laplace(3.0, **hers)])
    other = comparable(
        [laplace(3.0, **hers), *[laplace(2.0, **hers)] * 3, laplace(2.0, **hers, count=2)]
    )
    assert one == other


def test_each_round_with_a_redrawn_threshold_is_a_mechanism_of_its_own():
    hers = {"unit": "participant", "relation": "replace"}
    redrawn = SparseVectorSelection(2.0, 4.0, 7, True, **hers)
    kept = SparseVectorSelection(2.0, 4.0, 7, False, **hers)
    once = SparseVectorSelection(2.0, 4.0, 1, False, **hers)
    assert comparable([redrawn]).counts == ((once, 7),)
    assert comparable([kept, kept]).counts == ((kept, 2),)


def test_replacing_halves_every_scale():
    ours = {"unit": "record", "relation": "add_or_remove"}
    new = {"unit": "record", "relation": "replace"}
    assert as_replace(GaussianSteps(1.0, 0.1, 5, **ours)) == GaussianSteps(0.5, 0.1, 5, **new)
    assert as_replace(LaplaceRelease(1.0, 5, **ours)) == LaplaceRelease(0.5, 5, **new)
    assert as_replace(GumbelSelection(1.0, 5, **ours)) == GumbelSelection(0.5, 5, **new)
    # Queries that all grew with one record more need not move together when it is exchanged.
    assert as_replace(
        SparseVectorSelection(1.0, 2.0, 5, False, is_monotonic=True, **ours)
    ) == SparseVectorSelection(0.5, 1.0, 5, False, is_monotonic=False, **new)


def test_mixed_relations_are_all_charged_as_replacing():
    released = comparable([laplace(2.0, "record", "zero_out"), laplace(2.0, "record", "replace")])
    assert released.relation == "replace"
    assert dict(released.counts) == {
        laplace(1.0, "record", "replace"): 1,
        laplace(2.0, "record", "replace"): 1,
    }


def test_hiding_a_whole_participant_hides_each_of_her_records():
    hers = laplace(2.0, "participant", "replace")
    mine = laplace(4.0, "record", "add_or_remove")
    released = comparable([hers, mine], unit="record")
    assert (released.unit, released.relation) == ("record", "add_or_remove")
    assert sorted(one.scale for one, _ in released.counts) == [2.0, 4.0]


def test_a_silent_participant_is_two_steps_from_one_with_another_record():
    # Her data with and without the record are both one step from her silence.
    released = comparable([laplace(2.0, "participant", "zero_out")], unit="record")
    assert [one.scale for one, _ in released.counts] == [1.0]


def test_a_sample_of_participants_answers_for_records_only_under_replace():
    hers = GaussianSteps(4.0, 0.1, unit="participant", relation="replace")
    mine = laplace(4.0, "record", "add_or_remove")
    released = comparable([hers, mine], unit="record")
    assert released.relation == "replace"
    assert {type(one): one for one, _ in released.counts}[LaplaceRelease].scale == 2.0


def test_hiding_a_record_says_nothing_about_a_participant():
    with pytest.raises(ValueError, match="says nothing about a whole participant"):
        comparable([laplace(2.0, "record", "replace")], unit="participant")


def test_two_units_have_no_total_until_one_is_named():
    both = [laplace(2.0, "record", "replace"), laplace(2.0, "participant", "replace")]
    with pytest.raises(
        ValueError, match='a total speaks of one unit; ask for it with unit="record"'
    ):
        comparable(both)
