"""The audit of a run's joint model: can its training rows be told from others?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from tithe.audit.shadow_models import Shadows, fingerprint, train_shadows
from tithe.audit.signals import Signals, signals_of_model
from tithe.audit.trained_model import audit_membership
from tithe.build import Built, build
from tithe.checks import BadInput
from tithe.joint_model import load_joint_model
from tithe.plan import Plan, load_plan
from tithe.record import RunRecord, read_run
from tithe.report.audit_facts import AuditFacts
from tithe.run_audits.illustration import class_pictures
from tithe.run_audits.membership import membership_facts
from tithe.run_audits.pool import Pool, pool_of
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


def audit_run(
    directory: Path,
    options: ModelOptions,
    *,
    cache: Path | None = None,
    data_root: Path | None = None,
) -> AuditFacts:
    """Audits the joint model in a run's folder.

    Args:
      directory: of a run that came to its end.
      options: how hard it is tried.
      cache: where shadow models are kept; None takes ``audit/`` in the run's folder.
      data_root: where data sets lie.
    Raises:
      BadInput: the run has no model, its data are others by now, or a rate is asked for that the
        records do not carry.
    """
    if options.num_shadows % 2 or options.num_shadows < 0:
        raise BadInput(
            f"shadow models come in pairs that share out the records, got {options.num_shadows}; "
            "2 suffices for RMIA, 16 for LiRA, 0 needs no training"
        )
    record = read_run(directory)
    plan = load_plan(record.plan_toml)
    torch.set_num_threads(plan.run.threads)
    module, _ = load_joint_model(directory)
    built = build(plan, data_root=data_root)
    _require_same_rows(record, built)
    pool = pool_of(
        built,
        participant=options.participant,
        most_records=options.most_records,
        seed=options.seed,
    )
    shadows = None
    if options.num_shadows:
        require_repeatable(plan)
        shadows = _shadows(plan, built, pool, options, cache or directory / "audit")
    audit = audit_membership(
        signals_of_model(module, pool.features, pool.labels),
        pool.took_part,
        shadows=shadows,
        population=_population(module, pool),
    )
    claimed, delta, claim = claim_of(record)
    pictures, words = class_pictures(module, pool, built.class_names)
    whose = "everybody" if options.participant is None else f"participant {options.participant}"
    facts = membership_facts(
        audit,
        name=str(record.about.get("name", directory.name)),
        claimed=claimed,
        claim=claim,
        delta=delta,
        confidence=options.confidence,
        false_positive_rate=options.false_positive_rate,
        records=[
            f"participant {owner}, row {row}"
            for owner, row in zip(pool.owners, pool.rows[: len(pool.owners)], strict=True)
        ],
        class_names=built.class_names,
        made={
            "Run": str(record.about.get("run", "not recorded")),
            "Plan": plan.digest(),
            "Rows looked for": f"{len(pool.owners):,} of {whose}, and as many test rows",
            "Population": f"{len(pool.population_labels):,} further test rows",
            "Shadow models": f"{options.num_shadows}, each the run's whole training",
            "Seed": str(options.seed),
        },
    )
    return replace(facts, gallery=pictures, gallery_words=words)


def claim_of(record: RunRecord) -> tuple[float, float, str]:
    """What a run's accountant claims: epsilon, delta, and the guarantee in words."""
    guarantee = str(record.about.get("guarantee", "none: no guarantee was recorded"))
    spent = (record.summary or {}).get("privacy") or {}
    epsilon = spent.get("epsilon") or {}
    if not epsilon or guarantee.startswith("none: "):
        return math.inf, 0.0, guarantee
    return float(epsilon.get("pld", math.inf)), float(spent.get("delta", 0.0)), guarantee


def _shadows(plan: Plan, built: Built, pool: Pool, options: ModelOptions, cache: Path) -> Shadows:
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


def _require_same_rows(record: RunRecord, built: Built) -> None:
    then = record.about.get("rows_each")
    if then is not None and list(then) != list(built.rows_each):
        raise BadInput(
            f"{record.directory} was trained on other rows than its plan gives now; "
            "put the data back as they were"
        )
