"""Who took part in the training of a small network on CIFAR-10: LiRA, RMIA and thresholds.

``python experiments/audit-cifar10/measure.py [--shadows K] [--processes P]`` trains what is not in
``runs/audit-cifar10`` yet (an interrupted call goes on), writes ``results/membership.json`` and the
table in README.md. The networks' answers stay in ``runs``; only figures are kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tithe.audit.lira import lira_offline, lira_online
from tithe.audit.scores import Floats, Scores
from tithe.audit.separation import Separation, measure_separation
from tithe.audit.shadow_models import Shadows, fingerprint, train_shadows
from tithe.audit.signals import signals_of_model
from tithe.audit.trained_model import audit_membership, torch_training, train_module
from tithe.data.datasets import load
from tithe.data.normalise import choose_normalisation, normalise
from tithe.learning.augment import Augmentation
from tithe.learning.local import LocalTraining
from tithe.learning.models import build_model

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / "runs" / HERE.name
sys.path.insert(0, str(HERE.parent))

from run import put_between_marks  # noqa: E402

POOL, POPULATION, SHADOWS = 8000, 2000, 16
LEARNING_RATE, EPOCHS = 0.02, 25.0
TRAINING = LocalTraining(
    batch_size=64,
    local_epochs=EPOCHS,
    momentum=0.9,
    weight_decay=5e-4,
    augmentation=Augmentation(flip=True),
)
HEAD = "| attack | AUC | TPR at 1 % | TPR at 0.1 % | named, one wrong (chance) |"


def main() -> None:
    """Trains, asks, and keeps the figures."""
    parser = argparse.ArgumentParser(description="Audit a small network's membership.")
    parser.add_argument("--shadows", type=int, default=SHADOWS)
    parser.add_argument("--processes", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(options.shadows, options.processes)
    (HERE / "results" / "membership.json").write_text(json.dumps(found, indent=1) + "\n")
    put_between_marks(HERE / "README.md", table(found))


def measure(num_shadows: int, num_processes: int) -> dict[str, Any]:
    """Every attack on one network that saw a random half of the pool."""
    begun = time.perf_counter()
    features, labels = rows()
    took_part = np.random.default_rng(100).permutation(POOL) < POOL // 2
    module = _target(features, labels, took_part)
    shadows = train_shadows(
        torch_training(
            network, features, labels,
            pool_size=POOL, training=TRAINING, learning_rate=LEARNING_RATE,
        ),
        pool_size=POOL, count=num_shadows, seed=1,
        recipe={"training": str(TRAINING), "rate": LEARNING_RATE, "data": fingerprint(features)},
        folder=CACHE, num_processes=num_processes,
    )  # fmt: skip
    signals = signals_of_model(module, features[:POOL], labels[:POOL])
    population = signals_of_model(module, features[POOL:], labels[POOL:])
    audit = audit_membership(signals, took_part, shadows=shadows, population=population)
    scores = {"loss": audit.scores["loss"]} | _with_shadows(signals.log_odds, shadows)
    scores["population"] = audit.scores["population"]
    for count in (1, 2, 4, num_shadows):
        fewer = audit_membership(
            signals, took_part, shadows=_leaving_all_out(shadows, count), population=population
        )
        scores[f"RMIA, {count} reference{'s' if count > 1 else ''}"] = fewer.scores["RMIA"]
    return {
        "pool": POOL,
        "shadows": num_shadows,
        "train": float(signals.is_right[took_part].mean()),
        "test": float(population.is_right.mean()),
        "seconds": round(time.perf_counter() - begun, 1),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "attacks": {
            name: _figures(measure_separation(Scores.split(each, took_part=took_part)))
            for name, each in scores.items()
        },
    }


def rows() -> tuple[Tensor, Tensor]:
    """The pool, then records that nobody trains on."""
    splits = load("cifar10")
    features = torch.cat([splits.train.features[:POOL], splits.test.features[:POPULATION]])
    labels = torch.cat([splits.train.labels[:POOL], splits.test.labels[:POPULATION]])
    constants = choose_normalisation(splits.train, kind="constants")
    return normalise(features, constants), labels


def network(seed: int) -> nn.Module:
    """The 3x32x32 CNN of 313,546 parameters."""
    return build_model("svhn-cnn", num_classes=10, seed=seed, initial="lecun")


def table(found: dict[str, Any]) -> list[str]:
    """One line an attack."""
    lines = [HEAD, "| --- | ---: | ---: | ---: | ---: |"]
    for name, each in found["attacks"].items():
        one, tenth = (f"{100 * each[key]:.2f} %" for key in ("tpr_1", "tpr_0.1"))
        lines.append(
            f"| {name} | {each['auc']:.3f} | {one} | {tenth} "
            f"| {each['named']} ({each['chance']:.1f}) |"
        )
    return lines


def _target(features: Tensor, labels: Tensor, took_part: np.ndarray) -> nn.Module:
    """The audited network, trained once."""
    path = CACHE / "target.pt"
    module = network(1000)
    if path.exists():
        module.load_state_dict(torch.load(path, weights_only=True))
        return module
    own = torch.from_numpy(np.flatnonzero(took_part))
    train_module(
        module, features[own], labels[own],
        training=TRAINING, learning_rate=LEARNING_RATE, seed=1000,
    )  # fmt: skip
    CACHE.mkdir(parents=True, exist_ok=True)
    torch.save(module.state_dict(), path)
    return module


def _with_shadows(target: Floats, shadows: Shadows) -> dict[str, Floats]:
    """LiRA in the forms that the published figures come in, and ours."""
    told, is_in = shadows.log_odds, shadows.is_in
    return {
        "LiRA online, shrunk variance": lira_online(target, told, is_in),
        "LiRA online, one variance": lira_online(target, told, is_in, variance="pooled"),
        "LiRA online, own variances": lira_online(target, told, is_in, variance="per_record"),
        "LiRA offline, one-sided": lira_offline(target, told, is_in),
        "LiRA offline, two-sided": lira_offline(target, told, is_in, tail="two_sided"),
    }


def _leaving_all_out(shadows: Shadows, count: int) -> Shadows:
    """The first so many models; of one alone, every record would have to be outside.

    A single model saw half of the pool, so each record is asked of the one of the first pair that
    did not see it.
    """
    if count > 1:
        return shadows.first(count)
    first, second = shadows.is_in[0], shadows.is_in[1]
    assert (first != second).all()
    apart = np.where(first, shadows.log_odds[1], shadows.log_odds[0])
    others = shadows.others[:2].mean(axis=0)
    return Shadows(apart[None], others[None], np.zeros_like(first)[None])


def _figures(one: Separation) -> dict[str, float]:
    return {
        "auc": one.auc,
        "tpr_1": one.power(0.01).true_positive_rate,
        "tpr_0.1": one.power(0.001).true_positive_rate,
        "named": one.named.count,
        "chance": one.named.chance,
    }


if __name__ == "__main__":
    main()
