"""The audit of a run's joint model: can its training rows be told from others?"""

from __future__ import annotations

import math
from pathlib import Path

import torch

from tithe.build import Built, build
from tithe.checks import BadInput
from tithe.joint_model import load_joint_model
from tithe.plan import load_plan
from tithe.record import RunRecord, read_run
from tithe.report.audit_facts import AuditFacts
from tithe.run_audits.pool import Pool, pool_of
from tithe.run_audits.pool_audit import Claim, ModelOptions, audit_pool


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
    options.require_pairs()
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
    return audit_pool(
        module,
        pool,
        plan=plan,
        built=built,
        options=options,
        cache=cache or directory / "audit",
        name=str(record.about.get("name", directory.name)),
        claim=claim_of(record),
        records=pool.names,
        made={
            "Run": str(record.about.get("run", "not recorded")),
            "Plan": plan.digest(),
            "Rows looked for": rows_looked_for(pool, options),
        },
    )


def claim_of(record: RunRecord) -> Claim:
    """What a run's accountant claims: epsilon, delta, and the guarantee in words."""
    guarantee = str(record.about.get("guarantee", "none: no guarantee was recorded"))
    spent = (record.summary or {}).get("privacy") or {}
    epsilon = spent.get("epsilon") or {}
    if not epsilon or guarantee.startswith("none: "):
        return Claim(math.inf, 0.0, guarantee)
    return Claim(float(epsilon.get("pld", math.inf)), float(spent.get("delta", 0.0)), guarantee)


def rows_looked_for(pool: Pool, options: ModelOptions) -> str:
    """How many rows, and whose."""
    whose = "everybody" if options.participant is None else f"participant {options.participant}"
    return f"{len(pool.owners):,} of {whose}, and as many test rows"


def _require_same_rows(record: RunRecord, built: Built) -> None:
    then = record.about.get("rows_each")
    if then is not None and list(then) != list(built.rows_each):
        raise BadInput(
            f"{record.directory} was trained on other rows than its plan gives now; "
            "put the data back as they were"
        )
