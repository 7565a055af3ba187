"""An experiment in ten lines, as they would stand in a notebook: plan, run, verdict, predictions.

Guarantee: none. The rows stay where they are, but what is shared is computed from them, so epsilon
is infinite. Corner cut: one process plays all five participants and the server.

Run: python examples/ten_lines.py (a few seconds; the run goes to a new temporary folder)
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import tithe

plan = tithe.load_plan(
    {"data": {"set": "digits"}, "model": {"name": "digits-mlp"}, "sharing": {"theta_u": 0.1}},
    ["partition.participants=5", "exchange.rounds=6"],
)
summary = tithe.run_experiment(plan, Path(tempfile.mkdtemp(prefix="tithe-")))
print(summary.verdict)
print(f"page: {summary.page}")
guesses = tithe.predict(summary.directory, "digits")
print(f"of {len(guesses.labels)} test images read rightly: {guesses.accuracy:.1%}")
