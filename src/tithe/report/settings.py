"""Settings: several runs side by side, those of one label as repeats of one setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tithe.checks import BadInput
from tithe.record import read_run
from tithe.report import palette
from tithe.report.curves import Curve, repeats
from tithe.report.facts import Facts
from tithe.report.plots import Look
from tithe.report.spending import Spending, charged_after, spending


@dataclass(frozen=True)
class Setting:
    """What the runs of one label reached together."""

    label: str
    joint: Curve
    participants: tuple[int, ...]
    rounds: tuple[int, ...]
    share_sent: float | None
    alone: float | None
    central: float | None
    spent: tuple[Spending, ...]  # of those of its runs that are private

    @property
    def epsilon(self) -> float:
        """What was spent in the run that spent most; infinite if one of them is plain."""
        return self.epsilon_after(self.joint.last.round)

    def epsilon_after(self, round_: int) -> float:
        """The same after a round."""
        if len(self.spent) < self.num_runs:
            return math.inf
        return max(charged_after(each.charged, round_) for each in self.spent)

    @property
    def terms(self) -> str:
        """What its epsilon speaks of; empty if one of its runs is plain."""
        if len(self.spent) < self.num_runs:
            return ""
        return " or ".join(sorted({f"{each.unit}, delta {each.delta:g}" for each in self.spent}))

    @property
    def num_runs(self) -> int:
        """How many runs the figures are means of."""
        return len(self.rounds)


def read_settings(directories: Sequence[Path], labels: Sequence[str] | None) -> list[Setting]:
    """Reads runs and puts those of one label together, in the order in which they are first named.

    Args:
      directories: of runs, one or more.
      labels: one for each; None names each run by its directory, so that none is a repeat.
    Raises:
      ValueError: there are no runs, or not as many labels.
      BadInput: a directory holds no run, or one whose joint training was never measured.
    """
    if not directories:
        raise ValueError("a comparison needs at least one run, got none")
    chosen = _by_directory(directories) if labels is None else list(labels)
    if len(chosen) != len(directories):
        raise ValueError(
            f"labels must be as many as runs, got {len(chosen)} labels for {len(directories)} runs"
        )
    found: dict[str, list[Facts]] = {label: [] for label in chosen}
    for label, directory in zip(chosen, directories, strict=True):
        facts = Facts(read_run(directory))
        if "joint" not in facts.curves:
            raise BadInput(f"{directory} cannot be compared: its joint training was not measured")
        found[label].append(facts)
    return [_setting(label, runs) for label, runs in found.items()]


def look_of(place: int) -> Look:
    """How the setting at this place is drawn: hues first, then dashes."""
    return Look(
        colour=palette.SERIES[place % len(palette.SERIES)],
        dash=palette.DASHES[place // len(palette.SERIES) % len(palette.DASHES)],
        symbol=palette.SYMBOLS[place % len(palette.SYMBOLS)],
        band=palette.BANDS[place % len(palette.BANDS)],
    )


def _by_directory(directories: Sequence[Path]) -> list[str]:
    names = [directory.resolve().name for directory in directories]
    return names if len(set(names)) == len(names) else [str(path) for path in directories]


def _setting(label: str, runs: Sequence[Facts]) -> Setting:
    return Setting(
        label=label,
        joint=repeats([run.curves["joint"] for run in runs]),
        participants=tuple(run.num_participants for run in runs),
        rounds=tuple(run.rounds_done for run in runs),
        share_sent=_mean([run.share_sent for run in runs]),
        alone=_mean([_last(run, "standalone") for run in runs]),
        central=_mean([_last(run, "centralised") for run in runs]),
        spent=tuple(spent for spent in map(spending, runs) if spent),
    )


def _last(run: Facts, phase: str) -> float | None:
    return run.curves[phase].last.accuracy if phase in run.curves else None


def _mean(values: Sequence[float | None]) -> float | None:
    """Over the runs that have one."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
