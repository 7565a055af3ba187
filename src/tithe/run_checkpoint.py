"""Where an interrupted run stands: a checkpoint in its folder, for the same plan alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tithe.checks import BadInput
from tithe.plan import Plan, load_plan
from tithe.record import read_run
from tithe.storage import load_tensors, save_tensors
from tithe.verdict import Outcome

CHECKPOINT = Path("checkpoint") / "state.safetensors"


@dataclass(frozen=True, eq=False)
class Standing:
    """All that a run needs to go on as if nothing had been.

    Attributes:
      phase_index: of the phase under way.
      num_turns, num_evaluations: lines of the record that belong to it; later ones are dropped.
      outcomes: of the phases before; ``outcome`` of this one.
      seconds: wall time so far.
      rows_done: rows trained on so far.
      tensors, training: state of the training under way, see ``Training.state``.
    """

    phase_index: int
    num_turns: int
    num_evaluations: int
    outcomes: tuple[Outcome, ...]
    outcome: Outcome
    seconds: float
    rows_done: float
    tensors: dict[str, Tensor]
    training: dict[str, object]

    def save(self, directory: Path, *, plan: Plan) -> None:
        """Puts the checkpoint in its place, whole, over the last one."""
        plain = {
            "plan_digest": plan.digest(),
            "phase_index": self.phase_index,
            "num_turns": self.num_turns,
            "num_evaluations": self.num_evaluations,
            "outcomes": [outcome.to_plain() for outcome in self.outcomes],
            "outcome": self.outcome.to_plain(),
            "seconds": self.seconds,
            "rows_done": self.rows_done,
            "training": self.training,
        }
        (directory / CHECKPOINT).parent.mkdir(exist_ok=True)
        save_tensors(directory / CHECKPOINT, self.tensors, plain)


def load_standing(directory: Path) -> Standing | None:
    """The checkpoint in a run's folder; None if the run was interrupted before its first.

    Raises:
      BadInput: the file is damaged.
    """
    if not (directory / CHECKPOINT).exists():
        return None
    tensors, plain = load_tensors(directory / CHECKPOINT)
    assert isinstance(plain, dict)
    return Standing(
        phase_index=plain["phase_index"],
        num_turns=plain["num_turns"],
        num_evaluations=plain["num_evaluations"],
        outcomes=tuple(Outcome.from_plain(fields) for fields in plain["outcomes"]),
        outcome=Outcome.from_plain(plain["outcome"]),
        seconds=plain["seconds"],
        rows_done=plain["rows_done"],
        tensors=tensors,
        training=plain["training"],
    )


def drop_checkpoint(directory: Path) -> None:
    """Removes the checkpoint's folder, and in it what a kill in the middle of writing has left."""
    shutil.rmtree((directory / CHECKPOINT).parent, ignore_errors=True)


def require_same_plan(plan: Plan, directory: Path) -> None:
    """Refuses to go on with a run that is over, or with another plan than it was begun with.

    Raises:
      BadInput: either of these, or there is no run.
    """
    record = read_run(directory)
    if record.is_complete:
        raise BadInput(f"{directory} holds a run that is complete; there is nothing to resume")
    used = load_plan(record.plan_toml)
    if used.digest() != plan.digest():
        raise BadInput(
            f"{directory} was begun with another plan; resume with the plan.toml in it, or choose "
            "another directory"
        )
