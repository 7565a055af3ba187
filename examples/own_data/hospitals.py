"""Your own CSV and your own network: five hospitals learn to tell malignant tumours from benign.

The measurements are real: scikit-learn's breast-cancer data, ten columns of it. Which hospital a
patient came to is invented here: patients with larger tumours tend to come to the hospitals that
stand first in the alphabet, so that no two hospitals see the same mixture.

Guarantee: none. The rows stay where they are, but what is shared is computed from them, so epsilon
is infinite. Corner cut: one process plays all hospitals, and reads all rows from one file.

Run: python examples/own_data/hospitals.py (a few seconds; writes into the folder runs)
"""

from __future__ import annotations

import csv
from itertools import count
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

import tithe

HOSPITALS = ("Aspen", "Birch", "Cedar", "Dogwood", "Elm")
SHARES = (0.35, 0.25, 0.2, 0.12, 0.08)
NUM_NEW = 20
RUNS = Path("runs")


def write_tables(folder: Path, *, seed: int = 1) -> list[str]:
    """Writes tumours.csv and new_patients.csv; returns what the new patients really have."""
    table = load_breast_cancer()
    columns = [str(name).removeprefix("mean ") for name in table.feature_names[:10]]
    diagnoses = [str(table.target_names[label]) for label in table.target]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(diagnoses))
    new, known = order[:NUM_NEW], order[NUM_NEW:]
    large_first = known[np.argsort(rng.normal(scale=3.0, size=len(known)) - table.data[known, 0])]
    ends = np.rint(np.cumsum(SHARES)[:-1] * len(known)).astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tumours.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "hospital", *columns, "diagnosis"])
        for hospital, rows in zip(HOSPITALS, np.split(large_first, ends), strict=True):
            for row in rows:
                writer.writerow([row, hospital, *table.data[row, :10], diagnoses[row]])
    with (folder / "new_patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", *columns])  # the same columns in the same order, no diagnosis
        for row in new:
            writer.writerow([row, *table.data[row, :10]])
    return [diagnoses[row] for row in new]


def main() -> None:
    """Trains, then diagnoses patients who had no part in it."""
    truth = write_tables(RUNS)
    plan = tithe.load_plan(Path(__file__).with_name("plan.toml"))
    folder = next(f for n in count(1) if not (f := RUNS / f"{plan.name}-{n}").exists())
    summary = tithe.run_experiment(plan, folder)
    print(summary.verdict)
    print(f"page: {summary.page}")

    # Here no row is sent anywhere: the network came to the patient.
    guesses = tithe.predict(folder, "csv:runs/new_patients.csv", options={"drop": ["patient"]})
    named = [guesses.class_names[label] for label in guesses.labels]
    num_right = sum(guess == right for guess, right in zip(named, truth, strict=True))
    print(f"{num_right} of {len(truth)} new patients diagnosed rightly")


if __name__ == "__main__":
    main()
