"""The figures on the cards come from the record and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_record import ABOUT, EVALUATION, TURN
from tithe.record import RunWriter, read_run
from tithe.report.facts import Facts


def facts_of(
    directory: Path, *, accuracies: dict[str, float] | None = None, plan: str = ""
) -> Facts:
    with RunWriter.create(directory, plan_toml=plan, about=ABOUT) as writer:
        writer.turn(TURN)
        writer.turn(replace(TURN, participant=6, round=2, entries=30, clock=2.5))
        writer.turn(replace(TURN, phase="standalone-0", participant=900, staleness=3))
        for phase, accuracy in (accuracies or {}).items():
            writer.evaluation(replace(EVALUATION, phase=phase, accuracy=accuracy, round=2))
    return Facts(read_run(directory))


@pytest.mark.parametrize(
    ("alone", "joint", "central", "closed"),
    [(0.8, 0.9, 1.0, 0.5), (0.8, 1.0, 0.9, 2.0), (0.8, 0.7, 0.9, -1.0), (0.9, 0.9, 0.9, None)],
)
def test_the_gap_by_hand(
    tmp_path: Path, alone: float, joint: float, central: float, closed: float | None
) -> None:
    accuracies = {"standalone-0": alone, "joint": joint, "centralised": central}
    gap = facts_of(tmp_path / "run", accuracies=accuracies).gap_closed
    assert gap == (None if closed is None else pytest.approx(closed))


def test_a_missing_baseline_leaves_no_gap(tmp_path: Path) -> None:
    assert facts_of(tmp_path / "run", accuracies={"joint": 0.9}).gap_closed is None


def test_only_the_joint_turns_count(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "run")
    assert len(facts.turns) == 2
    assert facts.num_participants == 7  # about says 4, but number 6 had a turn
    assert facts.share_sent == pytest.approx(0.2)
    assert not facts.is_asynchronous
    assert facts.clock == {1: 1.0, 2: 2.5}
    assert facts.rounds_done == 2


def test_the_plan_says_what_was_planned(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "run", plan='exchange = {rounds = 9, order = "asynchronous"}')
    assert facts.rounds_planned == 9
    assert facts.is_asynchronous
    assert facts.planned("server", "beta") is None
