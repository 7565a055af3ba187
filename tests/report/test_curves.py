"""Curves: which points a phase has, and what repeats span."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.record import EvaluationLine
from tithe.report.curves import Curve, curves, evenly, repeats, thinned

LINE = EvaluationLine("joint", None, 0, 0.0, 0.1, 2.3, 0, 0, 0.0)


def measured(phase: str, participant: int | None, accuracies: list[float]) -> list[EvaluationLine]:
    return [
        replace(LINE, phase=phase, participant=participant, round=round, accuracy=accuracy)
        for round, accuracy in enumerate(accuracies)
    ]


@given(st.lists(st.integers(), max_size=200), st.integers(2, 50))
def test_evenly_keeps_order_and_both_ends(items: list[int], at_most: int) -> None:
    kept = evenly(list(enumerate(items)), at_most=at_most)
    assert len(kept) == min(len(items), at_most)
    assert kept == sorted(set(kept))
    if items:
        assert kept[0] == (0, items[0])
        assert kept[-1] == (len(items) - 1, items[-1])


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_mean_lies_in_its_band(members: list[list[float]]) -> None:
    lines = [
        line for i, member in enumerate(members) for line in measured(f"standalone-{i}", i, member)
    ]
    curve = curves(lines)["standalone"]
    assert curve.num_members == len(members)
    for point in curve.points:
        assert point.lowest - 1e-9 <= point.accuracy <= point.highest + 1e-9


def test_phases_with_a_number_are_one_curve() -> None:
    found = curves(
        measured("standalone-0", 0, [0.2, 0.4])
        + measured("standalone-11", 11, [0.4, 0.8])
        + measured("centralised", None, [0.5])
        + measured("-3", None, [0.1])
    )
    assert sorted(found) == ["-3", "centralised", "standalone"]
    assert [p.accuracy for p in found["standalone"].points] == pytest.approx([0.3, 0.6])
    assert (found["standalone"].last.lowest, found["standalone"].last.highest) == (0.4, 0.8)
    assert not found["centralised"].has_spread


def test_the_common_network_goes_before_the_participants_own() -> None:
    found = curves(measured("joint", None, [0.1, 0.9]) + measured("joint", 3, [0.2, 0.3]))
    assert [p.accuracy for p in found["joint"].points] == [0.1, 0.9]


def test_repeats_are_averaged_where_all_were_measured() -> None:
    long = curves(measured("joint", None, [0.1, 0.5, 0.7]))["joint"]
    short = curves(measured("joint", None, [0.3, 0.7]))["joint"]
    mean = repeats([long, short])
    assert mean.num_members == 2
    assert [p.round for p in mean.points] == [0, 1]
    assert [p.accuracy for p in mean.points] == pytest.approx([0.2, 0.6])
    assert (mean.last.lowest, mean.last.highest) == (0.5, 0.7)


def test_repeats_without_a_common_round_still_make_a_curve() -> None:
    one = curves(measured("joint", None, [0.1]))["joint"]
    other = curves([replace(LINE, round=5, accuracy=0.6)])["joint"]
    assert len(repeats([one, other]).points) == 1


def test_a_thinned_curve_ends_where_the_curve_ends() -> None:
    curve = curves(measured("joint", None, [i / 1000 for i in range(1000)]))["joint"]
    thin = thinned(curve, at_most=10)
    assert len(thin.points) == 10
    assert thin.last == curve.last
    assert isinstance(thin, Curve)
    assert curve.best == 0.999
