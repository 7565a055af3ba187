"""Six hospitals learn to see pneumonia on chest X-rays, from one folder of images a hospital.

The images are PneumoniaMNIST's, 28x28, of children in one hospital; which of six hospitals a child
came to, and in which mixture, is invented here. With files of your own, skip `write_folders`.

Guarantee: `together.toml` none; `private.toml` record-level (epsilon 3, delta 1e-5, one image added
or removed) once `privacy.noise = "secure"` is set: as it stands its noise repeats and protects
nobody. Corner cut: one process plays all hospitals, and reads all images from one folder.

Run: python examples/hospitals/chest_xrays.py (under a minute; writes into the folder runs)
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

import tithe
from tithe.data.dataset import Dataset
from tithe.data.datasets import load

HOSPITALS = {  # images, and the share of them that shows pneumonia
    "Alder": (1200, 0.50),
    "Beech": (750, 0.70),
    "Cherry": (450, 0.80),
    "Dogwood": (300, 0.40),
    "Elder": (180, 0.60),
    "Fir": (120, 0.75),
}
FINDINGS = ("normal", "pneumonia")
RUNS = Path("runs")


def write_folders(folder: Path, *, seed: int = 1) -> None:
    """Writes `train/<hospital>/<finding>/<image>` and `test/<finding>/<image>`."""
    splits = load("pneumonia-mnist")
    rng = np.random.default_rng(seed)
    left = [rng.permutation(np.flatnonzero(splits.train.labels == label)) for label in (0, 1)]
    for hospital, (images, share) in HOSPITALS.items():
        num_ill = round(images * share)
        for label, num in ((0, images - num_ill), (1, num_ill)):
            rows, left[label] = left[label][:num], left[label][num:]
            write_images(folder / "train" / hospital / FINDINGS[label], splits.train, rows)
    for label, finding in enumerate(FINDINGS):
        rows = np.flatnonzero(splits.test.labels == label)
        write_images(folder / "test" / finding, splits.test, rows)


def write_images(folder: Path, images: Dataset, rows: np.ndarray) -> None:
    """Writes one PNG a row, 28x28."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        pixels = images.features[row, 0, 2:-2, 2:-2].numpy()  # without the zeros around
        Image.fromarray(pixels).save(folder / f"{row:04d}.png")


def run(name: str) -> None:
    """Carries out one of the plans beside this file and prints what it found of each finding."""
    plan = tithe.load_plan(Path(__file__).with_name(name))
    folder = next(f for n in count(1) if not (f := RUNS / f"{plan.name}-{n}").exists())
    summary = tithe.run_experiment(plan, folder)
    print(summary.verdict)
    print(f"page: {summary.page}")
    last = {line.phase: line for line in tithe.read_run(folder).evaluations}
    for phase, line in last.items():
        if line.recalls is None or None in line.recalls:
            continue
        well, ill = line.recalls
        who = list(HOSPITALS)[line.participant] + " alone" if line.participant is not None else ""
        print(f"{who or phase:>14}: sensitivity {ill:.1%}, specificity {well:.1%}")


def main() -> None:
    """Writes the folders if they are not there, then trains without and with privacy."""
    if not (RUNS / "xrays").exists():
        write_folders(RUNS / "xrays")
    run("together.toml")
    run("private.toml")


if __name__ == "__main__":
    main()
