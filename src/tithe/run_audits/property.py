"""The audit of a property: do a participant's uploads tell how common a class is among its rows?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm

from tithe.audit.exact import interval, require_confidence
from tithe.audit.scores import Floats, Scores
from tithe.audit.separation import measure_separation
from tithe.checks import BadInput, require_at_least
from tithe.report.audit_facts import AuditFacts
from tithe.report.property_facts import OwnProperty, PropertyFacts, Told
from tithe.run_audits.property_rows import PropertyRows, property_rows
from tithe.run_audits.property_trial import Beliefs, PropertyTrial, over_turns
from tithe.run_audits.upload_source import UploadSource
from tithe.storage.uploads import SentUpload

CONTROL = "control: participants without it from others without it"
_FEWEST = 10
_NEAR = 0.5  # of the boundary
ASSUMED = (
    (
        "the observer is the server: it sees every upload and knows the plan, the local recipe, "
        "where each turn began and how many rows the participant has"
    ),
    (
        "it has labelled public rows of its own, plays the turn on them with the property and "
        "without, and learns to tell the uploads by a random forest"
    ),
    "before it looks it holds any share of the class for alike likely, up to twice the boundary",
)


@dataclass(frozen=True)
class PropertyOptions:
    """What is asked, and how hard it is tried.

    Attributes:
      wanted: the class's name; None: the rarest among the public rows.
      boundary: the share that has to be exceeded; None: that of the public rows.
      num_rehearsals: of each kind, that the observer learns from in every turn, >= 10.
      num_tests: participants of each kind that it is tried on, >= 10.
      num_turns: the last so many uploads; 0: all.
      confidence: of every limit by itself.
      seed: of all draws.
    """

    wanted: str | None = None
    boundary: float | None = None
    num_rehearsals: int = 40
    num_tests: int = 40
    num_turns: int = 5
    confidence: float = 0.95
    seed: int = 1


def audit_property(source: UploadSource, options: PropertyOptions) -> AuditFacts:
    """Tries whether uploads tell if more than a share of the rows are of one class.

    Args:
      source: journal, plan and rows.
      options: the property, and how hard it is tried.
    Raises:
      BadInput: a class or share that there is not, too few rows, balanced classes, or no upload
        whose beginning is known.
    """
    require_at_least(_FEWEST, num_rehearsals=options.num_rehearsals, num_tests=options.num_tests)
    require_confidence(options.confidence)
    known = [each for each in source.uploads if each.downloaded is not None]
    if not known:
        raise BadInput("no upload has the parameters that its turn began from, so none is audited")
    method = source.plan.balance.method
    if method != "none":
        raise BadInput(
            f"the plan balances classes (balance.method = {method!r}), so an upload is not that of "
            "the rows as they are, and turns on other rows cannot be played; audit a run without "
            "balance"
        )
    looked = known[-options.num_turns :] if options.num_turns else known
    torch.set_num_threads(source.plan.run.threads)
    rows = property_rows(
        source, wanted=options.wanted, boundary=options.boundary, seed=options.seed
    )
    trial = PropertyTrial(
        source,
        rows,
        num_rehearsals=options.num_rehearsals,
        num_tests=options.num_tests,
        seed=options.seed,
    )
    told = [trial.read(upload) for upload in looked]
    found = _facts(rows, trial, looked, told, confidence=options.confidence)
    return AuditFacts.without_scores(
        "property",
        name=f"{source.name}, participant {source.participant.number}",
        assumed=_assumed(source, rows, looked),
        made={
            "Run": source.run,
            "Plan": source.plan.digest(),
            "Uploads looked at": f"{len(looked)} of {len(source.uploads)}",
            "Property": f"more than {rows.boundary:.1%} of the rows are of class {rows.class_name}",
            "Observer": f"{2 * options.num_rehearsals} turns of its own for each upload, on "
            f"{len(rows.known.labels):,} public rows",
            "Tried on": f"{options.num_tests} participants of each kind and as many for the "
            f"control, of {rows.num_rows:,} rows each",
            "Seed": str(options.seed),
        },
        inferred=found,
        advice=_advice(source) if found.is_told else (),
    )


def _facts(
    rows: PropertyRows,
    trial: PropertyTrial,
    looked: list[SentUpload],
    told: list[Beliefs],
    *,
    confidence: float,
) -> PropertyFacts:
    every = over_turns(told)
    present, absent = (
        np.array([each.num_marked for each in side]) / rows.num_rows
        for side in (trial.present, trial.absent)
    )
    num = len(present)
    what = "all uploads together" if len(told) > 1 else "the upload"
    parts = [
        _told(f"turn {upload.turn} alone", each.present, each.absent, confidence)
        for upload, each in zip(looked, told, strict=True)
        if len(told) > 1
    ]
    reach = _NEAR * rows.boundary
    for name, is_near in (("shares near the boundary", True), ("shares far from it", False)):
        of_present = (np.abs(present - rows.boundary) <= reach) == is_near
        of_absent = (np.abs(absent - rows.boundary) <= reach) == is_near
        if min(of_present.sum(), of_absent.sum()) >= _FEWEST / 2:
            found = every.present[of_present], every.absent[of_absent]
            parts.append(_told(name, *found, confidence))
    return PropertyFacts(
        class_name=rows.class_name,
        boundary=rows.boundary,
        told=_told(what, every.present, every.absent, confidence),
        control=_told(CONTROL, every.control, every.absent, confidence),
        parts=tuple(parts),
        smallest=0.5 + float(norm.ppf((1 + confidence) / 2)) * _chance_spread(num),
        num_each=num,
        confidence=confidence,
        present=_points(present, every.present),
        absent=_points(absent, every.absent),
        own=OwnProperty(
            share=rows.own_share,
            holds=rows.holds,
            belief=every.own,
            above=int((every.absent < every.own).sum()),
        ),
    )


def _told(name: str, present: Floats, absent: Floats, confidence: float) -> Told:
    """The AUC by DeLong and the share that is believed rightly, with exact limits."""
    found = measure_separation(Scores(present, absent), confidence=confidence)
    num = len(present) + len(absent)
    num_right = int((present > 0.5).sum() + (absent <= 0.5).sum())
    low, high = interval(num_right, num, confidence=confidence)
    return Told(name, found.auc, found.auc_low, found.auc_high, num_right, num, low, high)


def _chance_spread(num_each: int) -> float:
    """The standard error of an AUC if beliefs tell nothing (Mann & Whitney 1947)."""
    return math.sqrt((2 * num_each + 1) / (12 * num_each**2))


def _points(shares: Floats, beliefs: Floats) -> tuple[tuple[float, float], ...]:
    return tuple(
        (float(share), float(belief)) for share, belief in zip(shares, beliefs, strict=True)
    )


def _advice(source: UploadSource) -> tuple[str, ...]:
    unit = source.plan.privacy.unit
    if unit == "participant":
        return ("the noise for all data of a participant is too small; ask for less epsilon",)
    why = (
        "a share is of all rows together, and noise for each record is not meant to hide it"
        if unit == "record"
        else "a share is of all rows together, however few of the parameters are sent"
    )
    return (
        (
            f'{why}; noise for all data of a participant (privacy.unit = "participant") is meant '
            "to hide it, and less epsilon for each record may: audit again"
        ),
    )


def _assumed(source: UploadSource, rows: PropertyRows, looked: list[SentUpload]) -> tuple[str, ...]:
    assumed = [
        *ASSUMED,
        (
            "it was tried on participants made of the audited one's rows and of public rows that "
            "it had not seen, so its figures are of participants like this one; one whose other "
            "classes are dealt otherwise is told less surely"
        ),
    ]
    if rows.repeats():
        assumed.append(
            "there are too few rows of a kind for participants of this size, so some rows are in "
            "one twice"
        )
    if source.participant.residual.keep:
        assumed.append(
            "what was left over of earlier turns (the residual) is in the real uploads and not in "
            "those that were played, so the figures are of uploads without it"
        )
    if len(looked) < len(source.uploads):
        assumed.append("earlier uploads told something too; all of them together may tell more")
    return tuple(assumed)
