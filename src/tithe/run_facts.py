"""What is true of a run before it begins: versions, machine, sizes, promises."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from tithe.build import Built
from tithe.plan import Plan

NO_GUARANTEE = (
    "none: plain selective sharing has no differential-privacy guarantee (epsilon = infinity); "
    "this run is a simulation in one place, its random streams come from a seed"
)


def about_run(plan: Plan, built: Built, *, command: str) -> dict[str, object]:
    """The content of ``about.json``."""
    joint = built.phases[0]
    return {
        "name": plan.name,
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
        "guarantee": NO_GUARANTEE,
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
