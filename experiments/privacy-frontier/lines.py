"""The lines of the picture: one plan each, all on the same rows of the same 30 participants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tithe.plan import Plan, load_plan

_COMMON: dict[str, Any] = {
    "recipe": "plain",
    "seed": 1,
    "partition": {"kind": "natural", "participants": 30},
    "baselines": {"centralised": False, "standalone": 0},
}
_PAPER = {
    "data": {"set": "python:lots:images"},
    "model": {"name": "mnist-cnn", "initial": "lecun"},
    "training": {"learning_rate": 0.05, "batch_size": 8},
    "exchange": {"rounds": 12},
}
_SPARSE_VECTOR = {
    **_PAPER,
    "sharing": {"theta_u": 0.1, "gamma": 0.001, "tau": 0.0001, "residual": False},
    "exchange": {"rounds": 10},
}
_PRIVACY = {"unit": "participant", "relation": "replace", "epsilon": 1e12, "delta": 0.0}
# Rounds, rate and rounds of the average as chosen on another data set for the noise of these
# budgets, see experiments/private-mnist; a budget here takes those of the next noisier line there.
_OURS = {1: (40, 0.086, 8.0), 3: (60, 0.137, 12.0), 8: (120, 0.154, 24.0)}


@dataclass(frozen=True)
class Line:
    """One way to train.

    Attributes:
      name: in tables and pictures.
      plan: what is run.
      phase: the joint training, or the baseline with all data in one place.
      group: lines of one group share a colour.
    """

    name: str
    plan: Plan
    phase: str = "joint"
    group: str = "plain"

    @property
    def slug(self) -> str:
        """For the names of files."""
        return "".join(c if c.isalnum() or c in ".-" else "_" for c in self.name)

    @property
    def kind(self) -> str:
        """Which form of the rows it trains on, see ``lots``."""
        return self.plan.data.set.rsplit(":", 1)[1]

    @property
    def unit(self) -> str:
        """Whom its plan protects."""
        return self.plan.privacy.unit


def lines() -> list[Line]:
    """All lines, from the least protected to the most."""
    found = [Line("centralised", _plan(_shares(1.0), centralised=True), phase="centralised")]
    found += [Line(f"DSSGD, theta {theta:g}", _plan(_shares(theta))) for theta in (1.0, 0.1, 0.01)]
    printed = {**_PRIVACY, "mechanism": "sparse_vector_as_printed", "epsilon_per_turn": 1e4}
    bounded = {
        **_PRIVACY, "mechanism": "sparse_vector_paper", "epsilon_per_turn": 1e5,
        "bound_after": True,
    }  # fmt: skip
    found += [
        Line(name, _plan({**_SPARSE_VECTOR, "privacy": privacy}), group="the paper's private mode")
        for name, privacy in (
            ("paper's private mode, as printed", printed),
            ("paper's private mode, bounded first", bounded),
        )
    ]
    found += [Line(f"ours, epsilon {epsilon}", _ours(epsilon), group="ours") for epsilon in _OURS]
    return found


def _shares(theta: float) -> dict[str, Any]:
    return {**_PAPER, "sharing": {"theta_u": theta, "residual": False}}


def _ours(epsilon: int) -> Plan:
    rounds, rate, average = _OURS[epsilon]
    return _plan(
        {
            "data": {"set": "python:lots:scattered", "normalise": "none"},
            "model": {"name": "linear", "arguments": {"border": 1}},
            "training": {"learning_rate": rate, "batch_size": 60_000, "local_steps": 1},
            "sharing": {"theta_u": 1.0, "residual": False},
            "privacy": {
                "unit": "record", "epsilon": float(epsilon), "delta": 1e-5, "l2_norm_bound": 5.4,
            },
            "server": {"combine": "mean", "momentum": 0.8, "average_rounds": average},
            "exchange": {"order": "synchronous", "rounds": rounds},
        }
    )  # fmt: skip


def _plan(table: dict[str, Any], *, centralised: bool = False) -> Plan:
    baselines = {"centralised": centralised, "standalone": 0}
    return load_plan({**_COMMON, **table, "baselines": baselines})
