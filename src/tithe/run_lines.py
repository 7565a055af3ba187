"""What becomes of a turn, a measurement and an experiment in a run's record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.engines.loop import Happening
from tithe.learning.evaluate import Quality
from tithe.parties.phase import Phase
from tithe.progress import Summary
from tithe.record import EvaluationLine, TurnLine
from tithe.verdict import Outcome


def turn_line(phase: Phase, happening: Happening, *, place: int, epsilon: float) -> TurnLine:
    """The line of a turn that ended, or in the middle of which its participant left.

    Args:
      phase: the training it belongs to.
      happening: the end of the turn.
      place: how many turns of the phase ended before it.
      epsilon: what the participant has spent in this phase, this turn included.
    """
    move, turn = happening.move, happening.turn
    number = phase.participants[move.participant].number
    return TurnLine(
        phase=phase.name,
        turn=place,
        round=move.round + 1,
        participant=number,
        status=turn.status if turn else "left",
        reason=turn.reason if turn else f"participant {number} left in the middle of a turn",
        entries=turn.num_entries if turn else 0,
        size=phase.initial.numel(),
        bytes_up=len(turn.payload) if turn else 0,
        bytes_down=happening.bytes_down,
        downloaded=happening.num_downloaded,
        staleness=happening.staleness,
        clock=move.clock,
        loss=turn.loss if turn else None,
        learning_rate=turn.learning_rate if turn else 0.0,
        train_seconds=turn.train_seconds if turn else 0.0,
        engine_seconds=happening.engine_seconds,
        epsilon=epsilon,
        cosine=turn.cosine if turn else None,
    )


def evaluation_line(
    phase: Phase, quality: Quality, *, outcome: Outcome, round_: int
) -> EvaluationLine:
    """The line of one measurement; ``outcome`` is where the phase stands."""
    return EvaluationLine(
        phase=phase.name,
        participant=phase.participants[0].number if "standalone" in phase.name else None,
        round=round_,
        epochs=round_ * phase.epochs_a_round,
        accuracy=quality.accuracy,
        loss=quality.loss,
        bytes_up=outcome.bytes_up,
        bytes_down=outcome.bytes_down,
        seconds=outcome.train_seconds,
        balanced_accuracy=quality.balanced_accuracy,
        recalls=quality.recalls,
    )


def summary_of(
    outcomes: Sequence[Outcome], *, verdict: str, seconds: float, directory: Path, page: Path
) -> Summary:
    """What the caller of an experiment is told; the joint training is the first outcome."""
    joint = outcomes[0]
    accuracies = {outcome.name: outcome.accuracy or 0.0 for outcome in outcomes}
    alone = [accuracies[name] for name in accuracies if name.startswith("standalone-")]
    if alone:
        accuracies["standalone"] = sum(alone) / len(alone)
    return Summary(
        accuracies=accuracies,
        bytes_up=joint.bytes_up,
        bytes_down=joint.bytes_down,
        num_shared=joint.num_shared,
        verdict=verdict,
        seconds=seconds,
        directory=directory,
        page=page,
    )
