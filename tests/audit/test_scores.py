"""Scores: what they refuse, and how one array is split into two."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.audit.scores import Scores
from tithe.checks import BadInput


def test_one_array_and_its_truths_become_two_sides():
    scores = Scores.split([3.0, 1.0, 2.0], took_part=[True, False, True])
    assert scores.members.tolist() == [3.0, 2.0]
    assert scores.non_members.tolist() == [1.0]
    values, took_part = scores.both()
    assert values[took_part].tolist() == [3.0, 2.0]


def test_scores_that_are_no_numbers_are_counted_and_not_shown():
    with pytest.raises(BadInput, match="NaN in 2 of 3"):
        Scores(np.array([np.nan, 7.25, np.nan]), np.zeros(2))


def test_an_attack_may_be_certain():
    assert Scores([np.inf], [-np.inf]).members[0] == np.inf


@pytest.mark.parametrize("members", [[], [[1.0]]])
def test_no_score_and_another_shape_are_refused(members):
    with pytest.raises(BadInput, match="members must have"):
        Scores(members, [0.0])


def test_truths_must_fit_the_scores():
    with pytest.raises(BadInput, match="one truth a score"):
        Scores.split([1.0, 2.0], took_part=[True])


def test_all_records_on_one_side_are_refused():
    with pytest.raises(BadInput, match="non_members must have at least one score"):
        Scores.split([1.0, 2.0], took_part=[True, True])
