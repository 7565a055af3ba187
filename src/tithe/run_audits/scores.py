"""The audit of scores from any framework: two columns of numbers, and no model at all."""

from __future__ import annotations

import csv
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tithe.audit.scores import Floats, Scores, one_column
from tithe.audit.separation import measure_separation
from tithe.checks import BadInput
from tithe.report.audit_facts import AuditFacts
from tithe.run_audits.figures import attack_facts, epsilon_facts, planted

SIDES = ("members", "non_members")
_TOOK_PART = {"1": True, "true": True, "in": True, "0": False, "false": False, "out": False}


def audit_scores(
    scores: Scores,
    *,
    name: str,
    claimed: float | None = None,
    delta: float = 0.0,
    confidence: float = 0.95,
    false_positive_rate: float | None = None,
) -> AuditFacts:
    """All figures of an attack that was made elsewhere.

    Args:
      scores: of records that took part and of others; the higher, the more like a member.
      name: of the file or model.
      claimed: epsilon that the training is said to have; None: nothing is known.
      delta: of that claim.
      confidence: of every limit by itself.
      false_positive_rate: one that is asked for; refused if the non-members do not carry it.
    Raises:
      BadInput: the rate cannot be carried, or a value is out of its range.
    """
    if false_positive_rate is not None:
        measure_separation(scores, confidence=confidence).power(false_positive_rate)
    attack = attack_facts(
        "scores as given",
        scores,
        observer="whoever made these scores",
        given=("whatever the scores were made from; nothing here can tell",),
        confidence=confidence,
    )
    claim = "nothing is known of a claim" if claimed is None else "as stated on the command line"
    return AuditFacts(
        kind="scores",
        name=name,
        headline=attack.name,
        attacks=(attack,),
        epsilon=epsilon_facts(
            scores, claimed=claimed, claim=claim, delta=delta, confidence=confidence
        ),
        assumed=("members and non-members are alike but for having taken part",),
        advice=(),
        made={
            "Members": f"{len(scores.members):,}",
            "Non-members": f"{len(scores.non_members):,}",
        },
        planted=planted(scores),
    )


def read_scores(path: Path) -> Scores:
    """Scores from ``.npz`` with arrays ``members`` and ``non_members``, or from ``.csv``.

    A CSV has a head with columns ``members`` and ``non_members``, which may differ in length, or
    ``score`` and ``member`` (1 or 0).

    Raises:
      BadInput: the file is missing, damaged, of another form, or holds NaN.
    """
    if path.suffix.lower() == ".csv":
        return _from_csv(path)
    if path.suffix.lower() != ".npz":
        raise BadInput(f"{path} must be a .npz or a .csv file of scores")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [side for side in SIDES if side not in file.files]
            if missing:
                raise BadInput(f"{path} must hold arrays members and non_members, lacks {missing}")
            members, others = (np.asarray(file[side], dtype=np.float64) for side in SIDES)
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; check the path") from error
    except BadInput:
        raise
    except (OSError, ValueError, TypeError, BadZipFile) as error:
        raise BadInput(f"{path} is damaged or holds no numbers; it cannot be read") from error
    return Scores(members, others)


def _from_csv(path: Path) -> Scores:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read as a table") from error
    head = set(rows[0]) if rows else set()
    if set(SIDES) <= head:
        return Scores(*(_column(path, rows, side) for side in SIDES))
    if {"score", "member"} <= head:
        values = _column(path, rows, "score")
        told = [str(row["member"] or "").strip().lower() for row in rows]
        wrong = [word for word in told if word not in _TOOK_PART]
        if wrong:
            raise BadInput(f'{path}: member must be 1 or 0 in every row, got "{wrong[0]}"')
        return Scores.split(values, took_part=np.array([_TOOK_PART[word] for word in told]))
    raise BadInput(
        f"{path} must have columns members and non_members, or score and member, "
        f"got {', '.join(sorted(head)) or 'none'}"
    )


def _column(path: Path, rows: list[dict[str, str | None]], name: str) -> Floats:
    told = [str(row[name]) for row in rows if row[name] not in (None, "")]
    try:
        values = np.array([float(text) for text in told])
    except ValueError as error:
        raise BadInput(f"{path}: column {name} must hold numbers") from error
    return one_column(**{name: values})
