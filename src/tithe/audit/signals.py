"""Signals: what a model says about each record, from any framework.

Everything here follows from scores before the softmax (logits) in float64. The signal that most
attacks start from is the log-odds of the right label, ``log(p / (1 - p))``: it is near normal where
the probability itself piles up at 1, and keeps its digits there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from torch import Tensor, nn

from tithe.audit.scores import Floats, Integers, Truths
from tithe.checks import BadInput


@dataclass(frozen=True, eq=False)
class Signals:
    """One number a record for each simple attack; the higher, the more like a member.

    Attributes:
      log_odds: of the right label, shape ``(n,)``; what LiRA and RMIA start from.
      log_probability: of the right label: minus the cross entropy in nats.
      low_entropy: minus the entropy of the prediction; needs no label.
      low_modified_entropy: minus the modified entropy, which also asks whether it is right.
      is_right: whether the largest score is the label's.
      labels: the right classes.
    """

    log_odds: Floats
    log_probability: Floats
    low_entropy: Floats
    low_modified_entropy: Floats
    is_right: Truths
    labels: Integers

    def thresholds(self) -> dict[str, Floats]:
        """The attacks that need no other model, by name."""
        return {
            "loss": self.log_probability,
            "entropy": self.low_entropy,
            "modified entropy": self.low_modified_entropy,
        }


def signals_of_logits(logits: ArrayLike, labels: ArrayLike) -> Signals:
    """Signals from scores before the softmax.

    Args:
      logits: shape ``(n, c)``, c >= 2, finite.
      labels: shape ``(n,)``, integers in ``[0, c)``.
    Raises:
      BadInput: shapes that do not fit, a score that is not finite, or a label out of range.
    Source: Carlini et al. 2022, section V (log-odds); Yeom et al. 2018 (loss); Song & Mittal 2021
      (modified entropy).
    """
    scores = np.asarray(logits, dtype=np.float64)
    right = np.asarray(labels, dtype=np.int64)
    _require_fitting(scores, right)
    rows = np.arange(len(right))
    others = scores.copy()
    others[rows, right] = -np.inf
    log_odds = scores[rows, right] - logsumexp(others, axis=1)
    log_p = scores - logsumexp(scores, axis=1, keepdims=True)  # (n, c)
    p = np.exp(log_p)
    log_rest = np.log1p(-np.minimum(p, 1 - 1e-16))
    wrong = p * log_rest
    wrong[rows, right] = 0.0
    modified = (1 - p[rows, right]) * log_p[rows, right] + wrong.sum(axis=1)
    return Signals(
        log_odds=log_odds,
        log_probability=-np.logaddexp(0.0, -log_odds),
        low_entropy=(p * log_p).sum(axis=1),
        low_modified_entropy=modified,
        is_right=scores.argmax(axis=1) == right,
        labels=right,
    )


def signals_of_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> Signals:
    """Signals where nothing but probabilities is to be had; what was rounded to 1 stays tied.

    Args:
      probabilities: shape ``(n, c)``, in [0, 1], rows that sum to 1.
      labels: shape ``(n,)``.
    Raises:
      BadInput: as ``signals_of_logits``, or no probabilities.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not np.isfinite(p).all() or (p < 0).any():
        raise BadInput("probabilities must have shape (n, c) and be in [0, 1], got others")
    if np.abs(p.sum(axis=1) - 1).max(initial=0.0) > 1e-3:
        raise BadInput("probabilities must sum to 1 in every row, got rows that do not")
    return signals_of_logits(np.log(np.maximum(p, 1e-30)), labels)


def signals_of_model(
    module: nn.Module, features: Tensor, labels: Tensor, *, batch_size: int = 500
) -> Signals:
    """Signals of any module that gives one score a class; its mode is left as evaluation.

    Args:
      module: from ``(n, ...)`` to ``(n, c)``.
      features: shape ``(n, ...)``, on the module's device.
      labels: shape ``(n,)``.
      batch_size: rows at a time.
    Raises:
      BadInput: the module does not take such rows, or gives something else than ``(n, c)``.
    """
    module.eval()
    try:
        with torch.inference_mode():
            parts = [module(some).double().cpu() for some in features.split(batch_size)]
    except RuntimeError as error:
        raise BadInput(
            f"the model does not take rows of shape {tuple(features.shape[1:])}; "
            "check that model and data belong together"
        ) from error
    return signals_of_logits(torch.cat(parts).numpy(), labels.cpu().numpy())


def _require_fitting(scores: Floats, right: Integers) -> None:
    if scores.ndim != 2 or scores.shape[1] < 2 or not len(scores):
        raise BadInput(
            f"logits must have shape (n, c) with two classes or more, got {scores.shape}"
        )
    if right.shape != (len(scores),):
        raise BadInput(f"labels must have shape ({len(scores)},), got {right.shape}")
    num_bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if num_bad:
        raise BadInput(f"logits must be finite, got {num_bad} of {len(scores)} rows that are not")
    if right.min() < 0 or right.max() >= scores.shape[1]:
        raise BadInput(
            f"labels must be in [0, {scores.shape[1]}), got {right.min()} to {right.max()}"
        )
