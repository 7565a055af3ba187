"""How much each declared strategy would show of a claim of 4, on simulated canaries.

Canaries of a Gaussian training are Gaussian: no training is needed to know what a strategy does on
average, and choosing one here touches none of the trainings that the other table judges.
"""

from __future__ import annotations

import math

import numpy as np

from tithe.audit.gaussian_run import bound_by_gaussian_run
from tithe.audit.one_run import bound_by_one_run
from tithe.audit.scores import Scores

NUM_CANARIES, SIGMA, RATE, NUM_STEPS, DELTA = 1000, 2.21, 0.1, 300, 1e-5
NUM_SETS, FIRST_SEED = 60, 10_000
FORMS = {"one run": bound_by_one_run, "f-DP form": bound_by_gaussian_run}
SETTINGS = [(form, count) for form in FORMS for count in (0, 50, 100, 200, 400)]
HEAD = "| form | guesses, named beforehand | mean shown | standard deviation | at least 1.2 in |"


def measure(form: str, num_guesses: int) -> dict[str, float]:
    """Over 60 sets of 1,000 canaries; 0 guesses stands for the best of the preset list."""
    fixed = {"strategy": "fixed", "num_guesses": num_guesses} if num_guesses else {}
    shown = [
        FORMS[form](_scores(FIRST_SEED + number), delta=DELTA, **fixed).epsilon
        for number in range(NUM_SETS)
    ]
    return {
        "mean": float(np.mean(shown)),
        "spread": float(np.std(shown, ddof=1)),
        "share": float(np.mean(np.array(shown) >= 1.2)),
    }


def line(setting: tuple[str, int], figures: dict[str, float]) -> str:
    """One row of the table."""
    form, count = setting
    f = figures
    guesses = str(count) if count else "six counts, corrected"
    return f"| {form} | {guesses} | {f['mean']:.2f} | {f['spread']:.2f} | {f['share']:.0%} |"


def _scores(seed: int) -> Scores:
    """How far the canaries' weights move in units of the bound."""
    rng = np.random.default_rng(seed)
    took_part = rng.random(NUM_CANARIES) < 0.5
    moved = rng.binomial(NUM_STEPS, RATE, size=NUM_CANARIES) * took_part
    noise = rng.normal(0, SIGMA * math.sqrt(NUM_STEPS), size=NUM_CANARIES)
    return Scores.split(moved + noise, took_part=took_part)
