"""The audit of any trained model: the facts of a report from the scores of all attacks on it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from tithe.audit.separation import measure_separation, named_places
from tithe.audit.shadow_models import Shadows
from tithe.audit.signals import signals_of_model
from tithe.audit.trained_model import MembershipAudit, audit_membership, slices
from tithe.report.audit_facts import Attack, AuditFacts, Exposed
from tithe.run_audits.figures import attack_facts, epsilon_facts, planted, slice_facts

OBSERVER = "whoever has the joint model"
_MODEL = ("the model's scores of each record", "the record and its label")
GIVEN = {
    "loss": _MODEL,
    "entropy": ("the model's scores of each record", "the record; no label"),
    "modified entropy": _MODEL,
    "population": (*_MODEL, "other records of each class"),
    "LiRA offline": (*_MODEL, "plan, initial model and all other training rows"),
    "LiRA online": (*_MODEL, "plan, initial model and all other training rows"),
    "RMIA": (*_MODEL, "plan, initial model and all other training rows", "other records"),
}
ASSUMED = (
    (
        "the attack of the verdict was named by rule: online LiRA where there are more than 3 "
        "shadow models, else RMIA, else the loss"
    ),
    "test rows stand for records that took no part; they must be like training rows",
    "trainings that were tried before this one, to tune it, are not counted",
)
_LISTED = 20  # records


def audit_module(
    module: nn.Module,
    members: tuple[Tensor, Tensor],
    non_members: tuple[Tensor, Tensor],
    *,
    population: tuple[Tensor, Tensor] | None = None,
    shadows: Shadows | None = None,
    name: str = "model",
    claimed: float | None = None,
    delta: float = 0.0,
    confidence: float = 0.95,
    false_positive_rate: float | None = None,
) -> AuditFacts:
    """Audits any module on rows that it was trained on and on others, each features and labels.

    Args:
      module: from ``(n, ...)`` to one score a class.
      members: rows that it was trained on.
      non_members: rows that it was not.
      population: further rows that nobody trained on.
      shadows: of ``train_shadows`` over members then non-members, with the population as others.
      name: of the model.
      claimed: the epsilon that its training is said to have; None: nothing is known.
      delta: of that claim.
      confidence: of every limit by itself.
      false_positive_rate: one that must be told; None asks for none in particular.
    Raises:
      BadInput: rows that the module does not take, or a rate that they do not carry.
    """
    features, labels = (
        torch.cat([one, other]) for one, other in zip(members, non_members, strict=True)
    )
    num_members = len(members[1])
    audit = audit_membership(
        signals_of_model(module, features, labels),
        np.arange(len(labels)) < num_members,
        shadows=shadows,
        population=None if population is None else signals_of_model(module, *population),
    )
    return membership_facts(
        audit,
        name=name,
        claimed=claimed,
        claim="nothing is known of a claim" if claimed is None else "as its owner states",
        delta=delta,
        confidence=confidence,
        false_positive_rate=false_positive_rate,
        records=[f"row {row}" for row in range(num_members)],
        class_names=tuple(str(label) for label in range(int(labels.max()) + 1)),
        made={"Members": f"{num_members:,}", "Non-members": f"{len(labels) - num_members:,}"},
    )


def membership_facts(
    audit: MembershipAudit,
    *,
    name: str,
    claimed: float | None,
    claim: str,
    delta: float,
    confidence: float,
    false_positive_rate: float | None,
    records: list[str],
    class_names: tuple[str, ...],
    made: dict[str, str],
) -> AuditFacts:
    """The facts of a report from the scores of all attacks; members come first in them."""
    headline = next(each for each in ("LiRA online", "RMIA", "loss") if each in audit.scores)
    scores = audit.of(headline)
    attacks = tuple(
        attack_facts(
            attack,
            audit.of(attack),
            observer=OBSERVER,
            given=GIVEN[attack],
            confidence=confidence,
        )
        for attack in audit.scores
    )
    if false_positive_rate is not None:
        measure_separation(scores).power(false_positive_rate)
    exposed = tuple(
        Exposed(
            record=records[place],
            label=class_names[int(audit.signals.labels[place])],
            score=float(scores.members[place]),
            is_right=bool(audit.signals.is_right[place]),
        )
        for place in named_places(scores)[:_LISTED]
    )
    return AuditFacts(
        kind="model",
        name=name,
        headline=headline,
        attacks=attacks,
        not_tried=dict(audit.not_tried),
        epsilon=epsilon_facts(
            scores, claimed=claimed, claim=claim, delta=delta, confidence=confidence
        ),
        slices=slice_facts(slices(audit, headline)),
        exposed=exposed,
        assumed=ASSUMED,
        advice=_advice(attacks, headline, claimed),
        made=made,
        planted=planted(scores),
    )


def _advice(attacks: tuple[Attack, ...], headline: str, claimed: float | None) -> tuple[str, ...]:
    found = next(each for each in attacks if each.name == headline)
    advice = []
    if found.named_p_value <= 0.01 and (claimed is None or math.isinf(claimed)):
        advice.append(
            "records can be named: train privately (privacy.unit) before the model is published, "
            "or publish nothing"
        )
    by_loss = next(each for each in attacks if each.name == "loss")
    if by_loss.advantage > 2 * by_loss.advantage_chance:
        advice.append(
            "the loss alone tells members from others: the model is surer of its training rows; "
            "fewer rounds, more rows or noise make it less so"
        )
    return tuple(advice)
