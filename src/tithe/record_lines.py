"""One line of the record: a turn or a measurement, as a JSON object and back."""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from tithe.checks import BadInput

# JSON has no word for these three, so they are written as strings and read back as numbers.
_SPOKEN = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_SPELT = {type(None): "null", tuple: "list"}  # types as JSON calls them


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One turn of one participant: what it did, what it cost, what left.

    Args:
      phase: whose training this is, ``"joint"`` for the collaborative one.
      turn: counts the phase's turns from 0.
      round: counts from 1; one turn of each participant.
      participant: counts from 0.
      status: ``"shared"``, ``"stopped"`` (training broke and nothing left, see reason),
        ``"refused"`` (the ledger let nothing leave) or ``"left"`` (gone for good).
      reason: one sentence if nothing was shared, else ``""``.
      entries: how many parameters left.
      size: d, how many there are.
      bytes_up: of the encoded update.
      bytes_down: of the encoded download.
      downloaded: how many parameters came down.
      staleness: updates the server took in between this download and this upload.
      clock: simulated time at the end of the turn; 1 is a turn of a participant of speed 1.
      loss: mean training loss of the turn; NaN or an infinity if training broke;
        None if there was none.
      learning_rate: of this turn.
      train_seconds: forward, backward and optimizer steps, wall time.
      engine_seconds: everything else of the turn, wall time.
      epsilon: differential-privacy loss so far; infinite for plain sharing.
      cosine: of the angle between what was sent and what would have been sent without noise, None
        if there was no noise. Like the loss it is worked out from private data: it is for whoever
        holds the record and no part of what left.
    """

    phase: str
    turn: int
    round: int
    participant: int
    status: str
    reason: str
    entries: int
    size: int
    bytes_up: int
    bytes_down: int
    downloaded: int
    staleness: int
    clock: float
    loss: float | None
    learning_rate: float
    train_seconds: float
    engine_seconds: float
    epsilon: float = math.inf
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class EvaluationLine:
    """One measurement on the test rows.

    Args:
      phase: ``"joint"``, ``"centralised"``, ``"standalone-<i>"`` or another's name.
      participant: whose network it is, None for one that belongs to nobody in particular.
      round: after which round; 0 before the first.
      epochs: passes over local data so far, per participant.
      accuracy: share of test rows classified rightly, in [0, 1].
      loss: mean test loss.
      bytes_up: sent by all participants since the start.
      bytes_down: received by all participants since the start.
      seconds: wall time spent on training since the start.
      balanced_accuracy: mean of the recalls.
      recalls: share of each class's test rows classified rightly, in label order; None for a class
        without test rows. Both are None in records older than they are.
    """

    phase: str
    participant: int | None
    round: int
    epochs: float
    accuracy: float
    loss: float
    bytes_up: int
    bytes_down: int
    seconds: float
    balanced_accuracy: float | None = None
    recalls: tuple[float | None, ...] | None = None


_Line = TypeVar("_Line", TurnLine, EvaluationLine)


def line_from_json(text: str, kind: type[_Line], *, where: str) -> _Line:
    """Reads one line; keys this version does not know are left out.

    A record older than a field may lack it where None is the default.

    Args:
      text: one JSON object.
      kind: of line it must be.
      where: file and line number, for the sentence that says what is damaged.
    Raises:
      BadInput: it is not JSON, or a field is missing or of the wrong kind.
    """
    values = object_from_json(text, where=where)
    return kind(
        **{
            name: _field(values, name, kinds, where)
            for name, kinds in _KINDS[kind].items()
            if name in values or name not in _MAY_LACK[kind]
        }
    )


def to_json(value: object, *, indent: int | None = None) -> bytes:
    """The value as valid UTF-8 JSON with a newline at its end."""
    text = json.dumps(_speakable(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode(errors="backslashreplace")  # half a surrogate pair: its \\u escape


def _speakable(value: object) -> object:
    """The same value with NaN and the infinities as strings, so that it is valid JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _speakable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_speakable(item) for item in value]
    return value


def object_from_json(text: str, *, where: str) -> dict[str, Any]:
    """Reads a JSON object; raises BadInput, saying where, if it is anything else."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is damaged: it is not valid JSON") from error
    if not isinstance(value, dict):
        raise BadInput(f"{where} is damaged: it must be a JSON object")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # one for all lines: there are many


def _allowed_kinds(kind: type[_Line]) -> dict[str, tuple[type, ...]]:
    """Per field, the types its value may have; ``tuple`` stands for one of numbers and None."""
    hints = typing.get_type_hints(kind)
    found = {}
    for field in fields(kind):
        hint = hints[field.name]
        each = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        found[field.name] = tuple(typing.get_origin(one) or one for one in each)
    return found


_KINDS: dict[type, dict[str, tuple[type, ...]]] = {
    TurnLine: _allowed_kinds(TurnLine),
    EvaluationLine: _allowed_kinds(EvaluationLine),
}
_MAY_LACK: dict[type, frozenset[str]] = {
    kind: frozenset(field.name for field in fields(kind) if field.default is None)
    for kind in _KINDS
}


def _field(values: Mapping[str, Any], name: str, kinds: tuple[type, ...], where: str) -> Any:
    """One field's value as its type; an int may stand for a float, a string for an infinity."""
    if name not in values:
        raise BadInput(f"{where} is damaged: it has no {name}")
    value = values[name]
    if type(value) in kinds:
        return value
    if float in kinds:
        if isinstance(value, str) and value in _SPOKEN:
            return _SPOKEN[value]
        if type(value) is int and abs(value) < 2**1023:
            return float(value)
    if tuple in kinds and isinstance(value, list):
        return tuple(_field({name: one}, name, (float, type(None)), where) for one in value)
    wanted = " or ".join(_SPELT.get(kind, kind.__name__) for kind in kinds)
    raise BadInput(f"{where} is damaged: {name} must be {wanted}, got {type(value).__name__}")
