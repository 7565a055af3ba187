"""Plans: one TOML file is one experiment, checked as a whole before anything starts."""

from __future__ import annotations

from tithe.plan.balance import Balance
from tithe.plan.errors import BadPlan
from tithe.plan.options import Options
from tithe.plan.privacy import Privacy
from tithe.plan.sections import (
    Baselines,
    Data,
    Exchange,
    Model,
    Override,
    ParticipantPlan,
    Partition,
    Run,
    Server,
    Sharing,
    Training,
)
from tithe.plan.whole import Plan, differences, load_plan

__all__ = [
    "BadPlan",
    "Balance",
    "Baselines",
    "Data",
    "Exchange",
    "Model",
    "Options",
    "Override",
    "ParticipantPlan",
    "Partition",
    "Plan",
    "Privacy",
    "Run",
    "Server",
    "Sharing",
    "Training",
    "differences",
    "load_plan",
]
