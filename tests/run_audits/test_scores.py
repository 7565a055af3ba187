"""Scores from any framework: read from a file, measured, or refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.audit.scores import Scores
from tithe.checks import BadInput
from tithe.run_audits.scores import audit_scores, read_scores


@pytest.fixture
def scores():
    rng = np.random.default_rng(1)
    return Scores(rng.normal(1.5, 1, 300), rng.normal(0, 1, 400))


def test_three_forms_of_a_file_give_the_same_scores(tmp_path, scores):
    np.savez(tmp_path / "a.npz", members=scores.members, non_members=scores.non_members)
    both, took_part = scores.both()
    rows = [f"{value!r},{int(part)}" for value, part in zip(both.tolist(), took_part, strict=True)]
    (tmp_path / "b.csv").write_text("\n".join(["score,member", *rows]))
    filled = [*map(repr, scores.members.tolist()), *[""] * 100]
    pairs = zip(filled, scores.non_members.tolist(), strict=True)
    (tmp_path / "c.csv").write_text(
        "\n".join(["members,non_members", *(f"{one},{other!r}" for one, other in pairs)])
    )
    for name in ("a.npz", "b.csv", "c.csv"):
        read = read_scores(tmp_path / name)
        assert np.array_equal(read.members, scores.members), name
        assert np.array_equal(read.non_members, scores.non_members), name


def test_the_figures_are_those_of_the_scores(scores):
    facts = audit_scores(scores, name="theirs", claimed=0.1)
    best = facts.best
    assert best.auc == pytest.approx(0.856, abs=0.03)  # Phi(1.5 / sqrt 2)
    assert [rate.false_positive_rate for rate in best.rates] == [0.1, 0.01, 0.0]
    assert facts.epsilon.shown > facts.epsilon.claimed
    low = [low <= true <= high for low, true, high in zip(
        best.roc.low, best.roc.true, best.roc.high, strict=True
    )]  # fmt: skip
    assert all(low) and best.roc.false[0] == 0 and best.roc.true[-1] == 1


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "members,non_members\n1,nan\n2,3\n", "got NaN in 1 of 2"),
        ("a.csv", "members,non_members\n1,x\n", "must hold numbers"),
        ("a.csv", "score,member\n1,maybe\n", 'got "maybe"'),
        ("a.csv", "score\n1\n", "must have columns"),
        ("a.csv", "score,member\n1,1\n", "at least one score, got none"),
        ("a.txt", "1", "must be a .npz or a .csv"),
        ("a.npz", "no archive", "is damaged"),
        ("a.npz", "PK\x03\x04 and no more", "is damaged"),
    ],
)
def test_a_file_that_holds_no_scores_is_refused_in_a_sentence(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=sentence):
        read_scores(tmp_path / name)


def test_missing_files_and_missing_sides_are_named(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        read_scores(tmp_path / "none.npz")
    np.savez(tmp_path / "half.npz", members=np.zeros(3))
    with pytest.raises(BadInput, match="lacks \\['non_members'\\]"):
        read_scores(tmp_path / "half.npz")


def test_a_rate_that_the_non_members_do_not_carry_is_refused(scores):
    with pytest.raises(BadInput, match="needs at least 1000 non-members, got 400"):
        audit_scores(scores, name="x", false_positive_rate=0.001)
