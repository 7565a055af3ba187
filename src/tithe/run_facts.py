"""What is true of a run before it begins: versions, machine, sizes, promises."""

from __future__ import annotations

import datetime
import math
import os
import platform
import uuid
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from tithe.build import Built
from tithe.parties.phase import Phase
from tithe.plan import Plan

NO_GUARANTEE = (
    "none: plain selective sharing has no differential-privacy guarantee (epsilon = infinity); "
    "this run is a simulation in one place, its random streams come from a seed"
)

AS_PRINTED = (
    "none: the paper's mechanism as printed adds its noise to values without a bound, and bounds "
    "the sum; no amount of such noise hides an unbounded value"
)
SIMULATED = (
    "none in this run: its noise comes from its seed, so it is a simulation and protects nobody. "
    'With privacy.noise = "secure" the same plan gives '
)


def guarantee(plan: Plan, joint: Phase) -> str:
    """What this run promises each participant, in one sentence; "none..." where it is nothing."""
    budgets = [each.budget for each in joint.participants if each.budget is not None]
    if not budgets:
        return NO_GUARANTEE
    if math.isinf(budgets[0].epsilon):
        return AS_PRINTED
    budget = budgets[0]
    whose = "each record" if budget.unit == "record" else "all data together"
    promise = (
        f"(epsilon {budget.epsilon:g}, delta {budget.delta:g})-differential privacy for {whose} of "
        f"each participant, towards everybody who sees its uploads or the joint model, in total "
        f'over this ledger; neighbours by "{budget.relation}"; counted by {budget.counted_by} and '
        "refused beyond. A row that several participants hold costs the sum of what they spend."
    )
    too_large = large_delta(
        plan,
        most_rows=max(len(each.shard) for each in joint.participants),
        num_participants=len(joint.participants),
    )
    if too_large:
        promise += f" But {too_large}."
    return SIMULATED + promise if plan.privacy.noise == "simulated" else promise


def large_delta(plan: Plan, *, most_rows: int, num_participants: int) -> str:
    """What is wrong with a delta of one in as many as are protected, or more; empty if nothing."""
    privacy = plan.privacy
    if privacy.unit == "record":
        num, what = most_rows, "rows of a participant"
    else:
        num, what = num_participants, "participants"
    if privacy.delta * num <= 1:
        return ""
    return (
        f"privacy.delta = {privacy.delta:g} is above one in the {num:,} {what}, so publishing one "
        "of them whole, drawn at random, would pass it; choose it well below"
    )


def about_run(plan: Plan, built: Built, *, command: str) -> dict[str, object]:
    """The content of ``about.json``."""
    joint = built.phases[0]
    return {
        "name": plan.name,
        "run": uuid.uuid4().hex,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "seed": plan.seed,
        "versions": {
            "tithe": _version_of("tithe"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "machine": {
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "threads": plan.run.threads,
            "device": plan.run.device,
        },
        "model": built.model_name,
        "num_parameters": joint.initial.numel(),
        "layers": [
            {"name": layer.name, "shape": layer.shape, "start": layer.start, "stop": layer.stop}
            for layer in built.layers
        ],
        "participants": len(joint.participants),
        "rows_each": built.rows_each,
        "data_note": built.data_note,
        "plan_digest": plan.digest(),
        "guarantee": guarantee(plan, joint),
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
