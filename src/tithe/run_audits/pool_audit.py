"""Every attack on a model of a plan, given the records that are looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from tithe.audit.shadow_models import Shadows, fingerprint, train_shadows
from tithe.audit.signals import Signals, signals_of_model
from tithe.audit.trained_model import audit_membership
from tithe.build import Built
from tithe.checks import BadInput
from tithe.plan import Plan
from tithe.report.audit_facts import AuditFacts
from tithe.run_audits.illustration import class_pictures
from tithe.run_audits.membership import membership_facts
from tithe.run_audits.pool import Pool
from tithe.run_audits.retraining import require_repeatable, shadow_training


@dataclass(frozen=True)
class ModelOptions:
    """How hard a model is tried.

    Attributes:
      participant: whose rows are looked for; None: everybody's.
      num_shadows: trainings like the run's, an even number; 0: attacks that need none.
      most_records: members that are looked for, at most.
      confidence: of every limit by itself.
      false_positive_rate: one that must be told; None asks for none in particular.
      seed: of the draw of records and of the shadow models.
      num_processes: of the shadow models; 0 takes one a core.
    """

    participant: int | None = None
    num_shadows: int = 2
    most_records: int = 2000
    confidence: float = 0.95
    false_positive_rate: float | None = None
    seed: int = 1
    num_processes: int = 0

    def require_pairs(self) -> None:
        """Refuses an odd number of shadow models, before anything is read.

        Raises:
          BadInput: it is odd, or fewer than none.
        """
        if self.num_shadows % 2 or self.num_shadows < 0:
            raise BadInput(
                f"shadow models come in pairs that share out the records, got {self.num_shadows}; "
                "2 suffices for RMIA, 16 for LiRA, 0 needs no training"
            )


@dataclass(frozen=True)
class Claim:
    """What is claimed of a training; ``epsilon`` None: nothing is known of a claim."""

    epsilon: float | None
    delta: float
    words: str


def audit_pool(
    module: nn.Module,
    pool: Pool,
    *,
    plan: Plan,
    built: Built,
    options: ModelOptions,
    cache: Path,
    name: str,
    claim: Claim,
    records: Sequence[str],
    made: Mapping[str, str],
) -> AuditFacts:
    """Tries every attack for which there is what it needs.

    Args:
      module: the model; its rows are the pool's.
      pool: m members and m strangers.
      plan: how the model was trained, and shadow models are.
      built: of that plan.
      options: how hard it is tried.
      cache: the folder of shadow models.
      name: of the model.
      claim: of its training.
      records: what each member is called, m of them.
      made: how the audit was made, label by label.
    Raises:
      BadInput: the plan cannot be trained again, or a rate is asked for that the records do not
        carry.
    """
    shadows = _shadows(plan, built, pool, options, cache) if options.num_shadows else None
    audit = audit_membership(
        signals_of_model(module, pool.features, pool.labels),
        pool.took_part,
        shadows=shadows,
        population=_population(module, pool),
    )
    pictures, words = class_pictures(module, pool, built.class_names)
    facts = membership_facts(
        audit,
        name=name,
        claimed=claim.epsilon,
        claim=claim.words,
        delta=claim.delta,
        confidence=options.confidence,
        false_positive_rate=options.false_positive_rate,
        records=list(records),
        class_names=built.class_names,
        made={
            **made,
            "Population": f"{len(pool.population_labels):,} further test rows",
            "Shadow models": f"{options.num_shadows}, each the plan's whole training",
            "Seed": str(options.seed),
        },
    )
    return replace(facts, gallery=pictures, gallery_words=words)


def _shadows(plan: Plan, built: Built, pool: Pool, options: ModelOptions, cache: Path) -> Shadows:
    require_repeatable(plan)
    recipe = {
        "plan": plan.digest(),
        "rows": pool.rows.tolist(),
        "data": fingerprint(pool.features, pool.labels, pool.population_features),
    }
    who = "all" if options.participant is None else f"participant-{options.participant:04d}"
    return train_shadows(
        shadow_training(plan, built, pool),
        pool_size=len(pool.rows),
        count=options.num_shadows,
        seed=options.seed,
        recipe=recipe,
        folder=cache / f"shadows-{who}-{options.seed}-{len(pool.rows)}",
        num_processes=options.num_processes,
    )


def _population(module: nn.Module, pool: Pool) -> Signals | None:
    """None where a class is missing among them, so that no population attack can be made."""
    present = set(pool.population_labels.tolist())
    if not present >= set(pool.labels.tolist()):
        return None
    return signals_of_model(module, pool.population_features, pool.population_labels)
