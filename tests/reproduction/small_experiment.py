"""An experiment that is small enough to be run in a test."""

from __future__ import annotations

PLAN = """
name = "small"
[data]
train_rows = 60
test_rows = 20
[partition]
participants = 2
[model]
name = "digits-mlp"
[exchange]
rounds = 1
[baselines]
centralised = false
standalone = 1
"""
GRID = """
seeds = [1, 2]
set = ["training.batch_size=10"]
[[entry]]
label = "a tenth, shared"
set = ["sharing.theta_u=0.1"]
[[entry]]
label = "all of it"
seeds = [7]
set = ["sharing.theta_u=1.0"]
[[entry]]
label = "not yet"
seeds = []
"""
FIGURES = """
[[figure]]
name = "tenth"
source = "paper"
what = "digits, a tenth shared: test accuracy"
theirs = 91.5
sure = "recalled"
ours = { label = "a tenth, shared" }
note = "ours on digits"

[[figure]]
name = "alone"
source = "article"
what = "digits, one alone: test accuracy"
theirs = { file = "theirs.toml", keys = ["standalone"] }
sure = "read off a plot"
ours = { label = "a tenth, shared", phase = "standalone" }
"""


def write_small(folder):
    """Writes one experiment, ``small``, of which nothing was run; returns the folder of all."""
    small = folder / "experiments" / "small"
    small.mkdir(parents=True)
    (small / "plan.toml").write_text(PLAN)
    (small / "grid.toml").write_text(GRID)
    (small / "figures.toml").write_text(FIGURES)
    (small / "theirs.toml").write_text("standalone = 0.939\n")
    return small.parent


def stored(label, seed, accuracies, *, recalls=None, epsilon=None):
    """What is kept of a run that was measured after each round."""
    classes = {"joint": {"balanced_accuracy": 0.5, "recalls": recalls}} if recalls else {}
    return {
        "label": label,
        "seed": seed,
        "num_parameters": 12,
        "seconds": 3.0,
        "privacy": {"epsilon": {"pld": epsilon}} if epsilon else {},
        "curves": {
            "joint": [[number, share, 0, 0] for number, share in enumerate(accuracies)],
            "standalone-0": [[1, 0.25, 0, 0]],
            "standalone-1": [[1, 0.75, 0, 0]],
        },
        "classes": classes,
    }
