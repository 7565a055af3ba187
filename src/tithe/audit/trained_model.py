"""The audit of a trained model: which attacks tell its training records from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tithe.audit.lira import lira_offline, lira_online
from tithe.audit.population import population_scores
from tithe.audit.rmia import rmia
from tithe.audit.scores import Floats, Integers, Scores, Truths
from tithe.audit.separation import Separation, measure_separation
from tithe.audit.shadow_models import Shadows, TrainAndAsk
from tithe.audit.signals import Signals, signals_of_model
from tithe.checks import BadInput
from tithe.learning.dp_sgd import PrivateTraining, train_privately
from tithe.learning.local import LocalTraining, train_locally
from tithe.privacy.noise import fast_gaussian
from tithe.randomness import SeededBits, stream

_FEW_MODELS = 3
"""Up to here LiRA has no variance to speak of, and RMIA is the attack to look at."""


@dataclass(frozen=True, eq=False)
class MembershipAudit:
    """The scores of every attack that could be tried, and who truly took part.

    Attributes:
      scores: by attack, shape ``(n,)`` each; the higher, the more like a member.
      took_part: the truth, shape ``(n,)``.
      signals: what the model said of the n records.
      not_tried: by attack, why not.
    """

    scores: Mapping[str, Floats]
    took_part: Truths
    signals: Signals
    not_tried: Mapping[str, str]

    def of(self, attack: str) -> Scores:
        """The scores of one attack.

        Raises:
          BadInput: it was not tried.
        """
        if attack not in self.scores:
            why = self.not_tried.get(attack, f"known are {', '.join(self.scores)}")
            raise BadInput(f"attack {attack!r} was not tried: {why}")
        return Scores.split(self.scores[attack], took_part=self.took_part)

    def separations(self, *, confidence: float = 0.95) -> dict[str, Separation]:
        """All figures of all attacks, by attack."""
        return {
            attack: measure_separation(self.of(attack), confidence=confidence)
            for attack in self.scores
        }


def audit_membership(
    signals: Signals,
    took_part: Truths,
    *,
    shadows: Shadows | None = None,
    population: Signals | None = None,
) -> MembershipAudit:
    """Tries every attack for which there is what it needs.

    Args:
      signals: of the audited model, for n records.
      took_part: which of them it was trained on, shape ``(n,)``.
      shadows: of the same n records in the same order; their ``others`` are the population's.
      population: signals of the audited model for records that no model was trained on.
    Raises:
      BadInput: arrays that do not belong together.
    """
    scores = signals.thresholds()
    not_tried: dict[str, str] = {}
    if population is None:
        not_tried["population"] = "it needs records that nobody trained on"
    else:
        scores["population"] = population_scores(
            signals.log_odds, signals.labels, population.log_odds, population.labels
        )
    if shadows is None:
        lacking = "it needs shadow models"
        not_tried |= dict.fromkeys(("LiRA offline", "LiRA online", "RMIA"), lacking)
    else:
        _with_shadows(scores, not_tried, signals, shadows, population)
    for attack, values in scores.items():
        if values.shape != took_part.shape:
            raise BadInput(
                f"{attack} has scores of shape {values.shape} and took_part {took_part.shape}; "
                "they must be of the same records"
            )
    return MembershipAudit(scores, took_part, signals, not_tried)


def _with_shadows(
    scores: dict[str, Floats],
    not_tried: dict[str, str],
    signals: Signals,
    shadows: Shadows,
    population: Signals | None,
) -> None:
    told, is_in = shadows.log_odds, shadows.is_in
    if is_in.all(axis=0).any():
        not_tried["LiRA offline"] = "some records are in all shadow models"
    else:
        scores["LiRA offline"] = lira_offline(signals.log_odds, told, is_in)
    if len(told) <= _FEW_MODELS or not is_in.any(axis=0).all():
        not_tried["LiRA online"] = f"it needs more than {_FEW_MODELS} models, half with each record"
    else:
        scores["LiRA online"] = lira_online(signals.log_odds, told, is_in)
    if population is None or is_in.all(axis=0).any():
        not_tried["RMIA"] = "it needs records that nobody trained on"
        return
    scores["RMIA"] = rmia(
        signals.log_odds, told, population.log_odds, shadows.others,
        is_in=is_in, is_online=bool(is_in.any(axis=0).all()),
    )  # fmt: skip


def slices(audit: MembershipAudit, attack: str, *, smallest: int = 20) -> dict[str, Separation]:
    """One attack's figures by class and by mistake; a slice with too few on a side is left out.

    Args:
      audit: the scores.
      attack: which.
      smallest: members and non-members a slice must have.
    """
    labels, is_right = audit.signals.labels, audit.signals.is_right
    parts: dict[str, Truths] = {f"class {label}": labels == label for label in np.unique(labels)}
    parts |= {"classified rightly": is_right, "classified wrongly": ~is_right}
    found = {}
    for name, part in parts.items():
        members = int((audit.took_part & part).sum())
        if min(members, int(part.sum()) - members) >= smallest:
            found[name] = measure_separation(
                Scores.split(audit.scores[attack][part], took_part=audit.took_part[part])
            )
    return found


def torch_training(
    build: Callable[[int], nn.Module],
    features: Tensor,
    labels: Tensor,
    *,
    pool_size: int,
    training: LocalTraining | PrivateTraining,
    learning_rate: float,
) -> TrainAndAsk:
    """The training of any module, as ``train_shadows`` and an audited model itself need it.

    Args:
      build: a fresh module from a seed.
      features: the pool's n rows, then others to ask about, shape ``(m, ...)``.
      labels: shape ``(m,)``.
      pool_size: n.
      training: plain or private; the code that deploys.
      learning_rate: alpha, > 0.
    """

    def train(rows: Integers, seed: int) -> Floats:
        module = train_module(
            build(seed),
            features[:pool_size][torch.from_numpy(rows)],
            labels[:pool_size][torch.from_numpy(rows)],
            training=training,
            learning_rate=learning_rate,
            seed=seed,
        )
        return signals_of_model(module, features, labels).log_odds

    return train


def train_module(
    module: nn.Module,
    features: Tensor,
    labels: Tensor,
    *,
    training: LocalTraining | PrivateTraining,
    learning_rate: float,
    seed: int,
) -> nn.Module:
    """Trains the module in place, as a participant would in one turn, and gives it back."""
    rng = stream(seed, purpose="batches")
    if isinstance(training, LocalTraining):
        train_locally(
            module, features, labels, training=training, learning_rate=learning_rate, rng=rng
        )
        return module
    bits = SeededBits(stream(seed, purpose="noise"))
    train_privately(
        module, features, labels, training=training, learning_rate=learning_rate, rng=rng,
        normal=lambda count: fast_gaussian(count, bits=bits),
    )  # fmt: skip
    return module
