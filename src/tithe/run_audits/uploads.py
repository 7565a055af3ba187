"""The audit of one participant's uploads: what did it give away so far, and to whom?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from tithe.audit.scores import Floats, Scores
from tithe.audit.separation import auc_with_spread, measure_separation, named_places
from tithe.audit.signals import signals_of_model
from tithe.audit.upload_check import UploadCheck
from tithe.checks import BadInput
from tithe.learning.flat import write_vector
from tithe.report.audit_facts import Attack, AuditFacts, Exposed, Labels, Turn
from tithe.run_audits.figures import attack_facts, epsilon_facts, planted
from tithe.run_audits.gallery import first_layer_gallery
from tithe.run_audits.suspects import Suspects, suspects_of
from tithe.run_audits.upload_source import UploadSource, checks_of
from tithe.run_audits.upload_turn import TurnReader, TurnTold
from tithe.storage.uploads import SentUpload

SERVER, PEER, ANYBODY = "server", "peer who sees only the sum", "whoever has the joint model"
CLOSED = "uploads so far, all candidates at hand"
OPEN = "uploads so far, one candidate at hand"
SUM = "sums so far, all candidates at hand"
LOSS = "loss of the joint model"
ASSUMED = (
    "an observer knows the plan, the local recipe and how many records there are",
    (
        "an observer of the closed world holds all candidates' records; the figures for one "
        "candidate stand beside it"
    ),
    "the attack of the verdict is the server's, with all candidates at hand, in every audit",
)
_LISTED = 20  # records


@dataclass(frozen=True)
class UploadOptions:
    """How hard uploads are tried.

    Attributes:
      most_records: of the participant that are looked for, at most.
      num_rehearsals: of each turn, even, at least 4.
      num_turns: the last so many uploads; 0: all.
      confidence: of every limit by itself.
      seed: of the draws of records and rehearsals.
    """

    most_records: int = 600
    num_rehearsals: int = 8
    num_turns: int = 0
    confidence: float = 0.95
    seed: int = 1


def audit_uploads(source: UploadSource, options: UploadOptions) -> AuditFacts:
    """Looks at all uploads together, as an observer would who kept them.

    Args:
      source: journals, plan and rows.
      options: how hard they are tried.
    Raises:
      BadInput: too few rows, or no upload whose beginning is known.
    """
    known = [each for each in source.uploads if each.downloaded is not None]
    if not known:
        raise BadInput("no upload has the parameters that its turn began from, so none is audited")
    looked = known[-options.num_turns :] if options.num_turns else known
    torch.set_num_threads(source.plan.run.threads)
    suspects = suspects_of(source, most_records=options.most_records, seed=options.seed)
    reader = TurnReader(source, suspects, num_rehearsals=options.num_rehearsals, seed=options.seed)
    told = [reader.read(upload) for upload in looked]
    checks = checks_of(source, looked)
    attacks = _attacks(source, suspects, told, confidence=options.confidence)
    gallery, gallery_words = first_layer_gallery(source, looked[0])
    scores = _split(sum(each.closed for each in told), suspects)
    spent = _spent(looked[-1])
    delta = source.plan.privacy.delta if spent is not None and math.isfinite(spent) else 0.0
    return AuditFacts(
        kind="uploads",
        name=f"{source.name}, participant {source.participant.number}",
        headline=CLOSED,
        attacks=attacks,
        not_tried=_not_tried(source),
        epsilon=epsilon_facts(
            scores,
            claimed=spent,
            claim=_claim(source, spent),
            delta=delta,
            confidence=options.confidence,
        ),
        turns=_turns(suspects, looked, told, checks),
        labels=_labels(source, checks[0]),
        gallery=gallery,
        gallery_words=gallery_words,
        exposed=_exposed(source, suspects, scores),
        assumed=_assumed(source, suspects, looked),
        advice=_advice(source, attacks, checks),
        made={
            "Run": source.run,
            "Plan": source.plan.digest(),
            "Uploads looked at": f"{len(looked)} of {len(source.uploads)}",
            "Rows looked for": f"{len(suspects.rows):,} of the participant's "
            f"{len(suspects.rows) + len(suspects.own_labels):,}, and as many strangers",
            "Rehearsals": f"{options.num_rehearsals} of each turn",
            "Ridge": f"{reader.ridge or 0:g}, chosen in rehearsals of the first turn",
            "Seed": str(options.seed),
        },
        planted=planted(scores),
    )


def _attacks(
    source: UploadSource, suspects: Suspects, told: list[TurnTold], *, confidence: float
) -> tuple[Attack, ...]:
    """Every observer's best, over all uploads that were looked at."""
    recipe = "plan, local recipe and its own simulation of it"
    cast = [
        (CLOSED, SERVER, ("every upload", recipe, "all candidates' records"),
         sum(each.closed for each in told)),
        (OPEN, SERVER, ("every upload", recipe, "one candidate's record", "a public sample"),
         sum(each.open for each in told)),
    ]  # fmt: skip
    sums = [each.by_sum for each in told if each.by_sum is not None]
    if sums:
        given = ("the sum of all participants' uploads of each turn", "all candidates' records")
        cast.append((SUM, PEER, given, sum(sums)))
    (last,) = [each.downloaded for each in source.uploads if each.downloaded is not None][-1:]
    module = source.make_module()
    write_vector(module, last)
    loss = signals_of_model(module, suspects.features, suspects.labels).log_probability
    cast.append((LOSS, ANYBODY, ("the model that was downloaded last",), loss))
    return tuple(
        attack_facts(
            name,
            _split(values, suspects),
            observer=observer,
            given=given,
            confidence=confidence,
        )
        for name, observer, given, values in cast
    )


def _turns(
    suspects: Suspects,
    looked: list[SentUpload],
    told: list[TurnTold],
    checks: list[UploadCheck],
) -> tuple[Turn, ...]:
    """What was known after each upload."""
    turns, so_far = [], np.zeros(len(suspects.labels))
    for upload, found, check in zip(looked, told, checks, strict=True):
        so_far = so_far + found.closed
        separation = measure_separation(_split(so_far, suspects))
        at_1 = [p.true_positive_rate for p in separation.powers if p.false_positive_rate == 0.01]
        turns.append(
            Turn(
                turn=upload.turn,
                epsilon=_spent(upload),
                auc=separation.auc,
                auc_alone=auc_with_spread(_split(found.closed, suspects))[0],
                named=separation.named.count,
                rate_1=at_1[0] if at_1 else None,
                isolated=check.num_isolated,
                isolated_control=check.num_isolated_control,
                share_miscounted=check.share_miscounted,
            )
        )
    return tuple(turns)


def _labels(source: UploadSource, check: UploadCheck) -> Labels | None:
    if check.counts is None or check.share_miscounted is None:
        return None
    return Labels(
        names=source.class_names,
        true=check.true_counts,
        recovered=check.counts,
        share_miscounted=check.share_miscounted,
        share_by_guess=check.share_by_guess,
    )


def _exposed(source: UploadSource, suspects: Suspects, scores: Scores) -> tuple[Exposed, ...]:
    return tuple(
        Exposed(
            record=f"row {int(suspects.rows[place])}",
            label=source.class_names[int(suspects.labels[place])],
            score=float(scores.members[place]),
            is_right=None,
        )
        for place in named_places(scores)[:_LISTED]
    )


def _not_tried(source: UploadSource) -> dict[str, str]:
    reasons = {}
    if not source.others:
        reasons[SUM] = "the others' journals are not here"
    if source.participant.residual.keep:
        reasons["subtracting the residual"] = (
            "what was left over of earlier turns is not in the journal; an observer does not know "
            "it either"
        )
    return reasons


def _assumed(source: UploadSource, suspects: Suspects, looked: list[SentUpload]) -> tuple[str, ...]:
    assumed = list(ASSUMED)
    if len(suspects.own_labels):
        assumed.append(
            f"{len(suspects.own_labels):,} more of the participant's rows took part that nobody "
            "looked for; --records looks for more"
        )
    if len(looked) < len(source.uploads):
        assumed.append("earlier uploads told something too; all of them together may tell more")
    return tuple(assumed)


def _advice(
    source: UploadSource, attacks: tuple[Attack, ...], checks: list[UploadCheck]
) -> tuple[str, ...]:
    advice = []
    best = next(each for each in attacks if each.name == CLOSED)
    number = source.participant.number
    theta_u = source.plan.for_participant(number).sharing.theta_u
    if source.participant.cost is None and best.named_p_value <= 0.01:
        advice.append(
            f"selection is not protection: members are named although only {theta_u:g} of the "
            "parameters were sent; share privately (privacy.unit)"
        )
    if any(
        each.share_miscounted is not None and each.share_miscounted < each.share_by_guess / 2
        for each in checks
    ):
        advice.append("take the classes' counts for known to the server, whatever theta_u is")
    if any((each.num_isolated or 0) > (each.num_isolated_control or 0) for each in checks):
        advice.append(
            "records stand alone in the first layer: train on more rows a step, so that each unit "
            "sees several"
        )
    return tuple(advice)


def _claim(source: UploadSource, spent: float | None) -> str:
    if spent is None or math.isinf(spent):
        return "none: values left that no mechanism made private"
    unit = source.plan.privacy.unit
    told = f"what was charged so far, for each {unit}, by the participant's own ledger"
    if not source.participant.has_secure_noise:
        told += "; but the noise came from the run's seed, and whoever knows that takes it off"
    return told


def _spent(upload: SentUpload) -> float | None:
    told = upload.facts.get("epsilon")
    return None if told is None else float(told)


def _split(values: Floats | int, suspects: Suspects) -> Scores:
    return Scores.split(np.asarray(values), took_part=suspects.took_part)
