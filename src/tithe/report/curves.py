"""Curves: a phase's measurements over the rounds, with their mean and their spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Protocol, TypeVar

from tithe.record import EvaluationLine

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured after one round, as the mean over several networks.

    Args:
      round: 0 before the first.
      accuracy: the mean, with the networks' ``lowest`` and ``highest`` beside it.
      loss: the mean.
      bytes_up: sent by all participants since the start; ``bytes_down`` likewise received.
    """

    round: int
    accuracy: float
    lowest: float
    highest: float
    loss: float
    bytes_up: float
    bytes_down: float


@dataclass(frozen=True)
class Curve:
    """One phase's points, by round; never empty."""

    phase: str
    num_members: int
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        """The point after the last round."""
        return self.points[-1]

    @property
    def best(self) -> float:
        """The highest mean accuracy after any round."""
        return max(point.accuracy for point in self.points)

    @property
    def has_spread(self) -> bool:
        """Whether there is more than one network to spread."""
        return self.num_members > 1


def curves(evaluations: Iterable[EvaluationLine]) -> dict[str, Curve]:
    """One curve a phase; ``standalone-0``, ``standalone-1``, ... are one phase.

    Where a phase has a network that belongs to nobody in particular, that one is its curve.
    """
    phases: dict[str, list[EvaluationLine]] = defaultdict(list)
    for line in evaluations:
        name, _, number = line.phase.rpartition("-")
        phases[name if name and number.isdecimal() else line.phase].append(line)
    found = {}
    for phase, lines in phases.items():
        chosen = [line for line in lines if line.participant is None] or lines
        rounds: dict[int, list[EvaluationLine]] = defaultdict(list)
        for line in chosen:
            rounds[line.round].append(line)
        num_members = len({(line.phase, line.participant) for line in chosen})
        found[phase] = Curve(phase, num_members, _spread(rounds))
    return found


def repeats(runs: Sequence[Curve]) -> Curve:
    """The mean of several runs' curves and its spread, at the rounds that all of them measured."""
    rounds: dict[int, list[Point]] = defaultdict(list)
    for run in runs:
        for point in run.points:
            rounds[point.round].append(point)
    first = runs[0].points[0].round  # kept in any case, so that the curve is never empty
    common = {
        round: points
        for round, points in rounds.items()
        if len(points) == len(runs) or round == first
    }
    return Curve(runs[0].phase, len(runs), _spread(common))


def thinned(curve: Curve, *, at_most: int) -> Curve:
    """The curve at so many of its rounds, evenly spread, the first and the last among them."""
    return replace(curve, points=tuple(evenly(curve.points, at_most=at_most)))


def evenly(items: Sequence[_T], *, at_most: int) -> list[_T]:
    """So many (2 or more) of the items, evenly spread, the first and the last among them."""
    if len(items) <= at_most:
        return list(items)
    last = len(items) - 1
    return [items[round(i * last / (at_most - 1))] for i in range(at_most)]


class _Measured(Protocol):
    """What a line and a point have in common."""

    @property
    def accuracy(self) -> float: ...
    @property
    def loss(self) -> float: ...
    @property
    def bytes_up(self) -> float: ...
    @property
    def bytes_down(self) -> float: ...


def _spread(rounds: Mapping[int, Sequence[_Measured]]) -> tuple[Point, ...]:
    """Per round, ascending, the mean of what was measured and its lowest and highest accuracy."""
    return tuple(
        Point(
            round=round,
            accuracy=fmean(each.accuracy for each in measured),
            lowest=min(each.accuracy for each in measured),
            highest=max(each.accuracy for each in measured),
            loss=fmean(each.loss for each in measured),
            bytes_up=fmean(each.bytes_up for each in measured),
            bytes_down=fmean(each.bytes_down for each in measured),
        )
        for round, measured in sorted(rounds.items(), key=lambda item: item[0])
    )
