"""``tithe calibrate``: the noise that a target asks for, or what a noise buys."""

from __future__ import annotations

import json as json_text
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from tithe.checks import BadInput
from tithe.cli.in_words import figure, spoken
from tithe.cli.screen import screen

if TYPE_CHECKING:
    from tithe.privacy.targets import Steps

_Number = TypeVar("_Number", int, float)


class Whose(StrEnum):
    """Whose presence is to be hidden."""

    RECORD = "record"
    PARTICIPANT = "participant"


class Neighbours(StrEnum):
    """How a participant's change differs between neighbours."""

    ZERO_OUT = "zero_out"
    REPLACE = "replace"


@dataclass(frozen=True)
class Answer:
    """What was asked, and a figure for each way to do it and each accountant."""

    question: str
    asked: Mapping[str, object]
    what: str
    figures: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()


_WAYS = {
    "poisson": "Poisson samples",
    "shuffle": "shuffled batches",
    "gaussian": "Gaussian noise, over the L2 bound",
    "laplace": "Laplace noise, over gamma",
    "gumbel": "Gumbel choice, over gamma",
}
_HEADS = {"rdp": "by rdp (the gate)", "pld": "by pld (a report)", "pure": "pure (delta 0)"}
_BATCHES = (
    "Poisson samples: every row by its own coin; hides a record that comes or goes.",
    "Shuffled batches: charged without the gain of sampling; hides a record that falls silent.",
)


def calibrate(
    *,
    epsilon: Annotated[
        float | None, typer.Option("--epsilon", help="The target for all turns together.")
    ] = None,
    delta: Annotated[float, typer.Option("--delta", help="The probability with it.")] = 1e-5,
    unit: Annotated[
        Whose, typer.Option("--unit", help="Hide one record (DP-SGD) or all of a participant.")
    ] = Whose.RECORD,
    rows: Annotated[int | None, typer.Option("--rows", help="Rows of a participant.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Rows in a step.")] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="Passes over the rows in a turn; else 1.")
    ] = None,
    sampling_rate: Annotated[
        float | None, typer.Option("--sampling-rate", help="In place of --rows and --batch.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Steps in a turn, in place of --epochs.")
    ] = None,
    turns: Annotated[int, typer.Option("--turns", help="How many; 1 is all at once.")] = 1,
    noise_multiplier: Annotated[
        float | None,
        typer.Option("--noise-multiplier", help="Say what this noise buys, or costs."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="Unit participant: values in an upload.")
    ] = None,
    relation: Annotated[
        Neighbours, typer.Option("--relation", help="Unit participant: what neighbours are.")
    ] = Neighbours.ZERO_OUT,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how much noise a target needs, or what a noise buys.

    With --noise-multiplier and a target, how many turns it allows; without a target, what --turns
    of them cost. Nothing is read and nothing is written.
    """
    of_record = {
        "--rows": rows,
        "--batch": batch,
        "--epochs": epochs,
        "--sampling-rate": sampling_rate,
        "--steps": steps,
        "--noise-multiplier": noise_multiplier,
    }
    of_participant = {"--count": count}
    for name, value in {
        "--epsilon": epsilon,
        "--turns": turns,
        **of_record,
        **of_participant,
    }.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise BadInput(f"{name} must be finite and > 0, got {value:g}")
    if not 0 <= delta < 1:
        raise BadInput(f"--delta must be in [0, 1), got {delta:g}")
    if sampling_rate is not None and sampling_rate > 1:
        raise BadInput(f"--sampling-rate must be in (0, 1], got {sampling_rate:g}")
    if unit is Whose.PARTICIPANT:
        _refuse(of_record, unit)
        target = _needed("--epsilon", epsilon)
        answer = _for_uploads(target, delta, turns, _needed("--count", count), relation)
    else:
        _refuse(of_participant, unit)
        if delta == 0:
            raise BadInput(
                "--delta must be > 0 for Gaussian noise, got 0; Laplace noise on uploads "
                "(--unit participant) needs none"
            )
        planned = _steps(
            sampling_rate, rows=rows, batch=batch, epochs=epochs, steps=steps, turns=turns
        )
        answer = _for_records(planned, epsilon, delta, noise_multiplier)
    _print(answer, is_json=json)


def _steps(
    sampling_rate: float | None,
    *,
    rows: int | None,
    batch: int | None,
    epochs: float | None,
    steps: int | None,
    turns: int,
) -> Steps:
    """What training does, said in one of two ways."""
    from tithe.privacy.targets import Steps

    if epochs is not None and steps is not None:
        raise BadInput("--epochs and --steps exclude each other")
    if sampling_rate is None:
        planned = Steps.over_rows(
            num_rows=_needed("--rows", rows),
            batch_size=_needed("--batch", batch),
            epochs=epochs or 1.0,
            num_turns=turns,
        )
    elif rows is None and batch is None:
        planned = Steps.at_rate(sampling_rate, epochs=epochs or 1.0, num_turns=turns)
    else:
        raise BadInput("--sampling-rate stands in place of --rows and --batch; give it or them")
    return planned if steps is None else Steps(planned.sampling_rate, steps, turns)


def _for_records(
    steps: Steps, epsilon: float | None, delta: float, noise_multiplier: float | None
) -> Answer:
    from tithe.privacy import targets

    turn = (
        f"{_count(steps.num_steps, 'step')} at rate {figure(steps.sampling_rate)} "
        f"({steps.num_steps * steps.sampling_rate:.4g} passes)"
    )
    planned = turn if steps.num_turns == 1 else f"{_count(steps.num_turns, 'turn')} of {turn}"
    asked: dict[str, object] = {
        "unit": "record",
        "relation": targets.RELATIONS,
        "epsilon": epsilon,
        "delta": delta,
        "sampling_rate": steps.sampling_rate,
        "steps_a_turn": steps.num_steps,
    }
    if noise_multiplier is None:
        target = _needed("--epsilon", epsilon)
        question = f"For epsilon {target:g} at delta {delta:g} in {planned}:"
        found = targets.noise_multipliers(steps, epsilon=target, delta=delta)
        return Answer(
            question, asked | {"turns": steps.num_turns}, "noise multiplier", found, _BATCHES
        )
    asked["noise_multiplier"] = noise_multiplier
    if epsilon is None:
        found = targets.epsilons(steps, noise_multiplier=noise_multiplier, delta=delta)
        question = f"At noise multiplier {noise_multiplier:g} and delta {delta:g}, {planned}:"
        return Answer(question, asked | {"turns": steps.num_turns}, "epsilon", found, _BATCHES)
    bought = targets.turns_bought(
        steps, noise_multiplier=noise_multiplier, epsilon=epsilon, delta=delta
    )
    question = (
        f"At noise multiplier {noise_multiplier:g}, for epsilon {epsilon:g} at delta {delta:g}, "
        f"turns of {turn}:"
    )
    notes: tuple[str, ...] = _BATCHES
    if any(each >= targets.MOST_TURNS for by in bought.values() for each in by.values()):
        notes = (*notes, f"{targets.MOST_TURNS:,} turns stand for so many or more.")
    return Answer(question, asked, "turns", bought, notes)


def _for_uploads(
    epsilon: float, delta: float, turns: int, count: int, relation: Neighbours
) -> Answer:
    from tithe.privacy.targets import upload_scales

    asked = {
        "unit": "participant",
        "relation": relation.value,
        "epsilon": epsilon,
        "delta": delta,
        "turns": turns,
        "count": count,
    }
    scales = upload_scales(
        num_turns=turns, count=count, epsilon=epsilon, delta=delta, relation=relation.value
    )
    question = (
        f"For epsilon {epsilon:g} at delta {delta:g} in {_count(turns, 'turn')} of "
        f"{_count(count, 'value')}, "
        f'neighbours by "{relation.value}":'
    )
    notes = ["Each line has the whole target for itself; a choice and a release share it."]
    if "gaussian" not in scales:
        notes.append("Gaussian noise has no line: it needs a delta above 0.")
    return Answer(question, asked, "noise", scales, tuple(notes))


def _print(answer: Answer, *, is_json: bool) -> None:
    console = screen()
    if is_json:
        figures = {way: spoken(each) for way, each in answer.figures.items()}
        name = answer.what.replace(" ", "_")
        text = json_text.dumps({**answer.asked, name: figures})
        console.out(text, highlight=False)
        return
    console.print(answer.question, soft_wrap=True)
    accountants = list(dict.fromkeys(name for each in answer.figures.values() for name in each))
    table = Table()
    table.add_column(answer.what)
    for accountant in accountants:
        table.add_column(_HEADS[accountant], justify="right")
    for way, each in answer.figures.items():
        table.add_row(_WAYS[way], *(figure(each.get(accountant)) for accountant in accountants))
    console.print(table)
    for note in answer.notes:
        console.print(note, soft_wrap=True)


def _needed(name: str, value: _Number | None) -> _Number:
    if value is None:
        raise BadInput(f"{name} is missing here; see tithe calibrate --help")
    return value


def _refuse(options: Mapping[str, object], unit: Whose) -> None:
    """Refuses what would be ignored."""
    for name, value in options.items():
        if value is not None:
            raise BadInput(f"{name} says nothing with --unit {unit.value}; leave it out")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
