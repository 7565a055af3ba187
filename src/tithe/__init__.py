"""Several participants train one network together and share a small, chosen part of it.

In a notebook::

    import tithe

    plan = tithe.load_plan({"data": {"set": "digits"}, "sharing": {"theta_u": 0.01}})
    summary = tithe.run_experiment(plan, Path("runs/mine"))
    summary.verdict, summary.page
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tithe.checks import BadInput as BadInput
    from tithe.experiment import Progress as Progress
    from tithe.experiment import Summary as Summary
    from tithe.experiment import run_experiment as run_experiment
    from tithe.joint_model import Predictions as Predictions
    from tithe.joint_model import predict as predict
    from tithe.learning.selective_sgd import SelectiveSGD as SelectiveSGD
    from tithe.plan import Plan as Plan
    from tithe.plan import load_plan as load_plan
    from tithe.record import read_run as read_run

try:
    __version__ = version("tithe")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+source"

# Where each name lives. It is imported when it is first used, so that ``tithe --help`` need not
# wait for PyTorch.
_HOMES = {
    "BadInput": "tithe.checks",
    "Plan": "tithe.plan",
    "Predictions": "tithe.joint_model",
    "Progress": "tithe.experiment",
    "SelectiveSGD": "tithe.learning.selective_sgd",
    "Summary": "tithe.experiment",
    "load_plan": "tithe.plan",
    "predict": "tithe.joint_model",
    "read_run": "tithe.record",
    "run_experiment": "tithe.experiment",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> object:
    """Imports one of the names above."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tithe' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
