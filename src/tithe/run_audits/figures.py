"""From scores to the facts of a report."""

from __future__ import annotations

import numpy as np

from tithe.audit.one_run import bound_by_one_run
from tithe.audit.scores import Floats, Scores
from tithe.audit.self_test import find_planted_leak
from tithe.audit.separation import Separation, measure_separation, trace_roc
from tithe.report.audit_facts import Attack, Curve, Epsilon, Planted, Rate, Slice

_POINTS = 160  # of a ROC in a report, evenly by the logarithm
SELF_TEST_SEED = 1
PROVISO = (
    "chance alone decided which of these records took part, as where training and "
    "test rows were split at random"
)


def attack_facts(
    name: str,
    scores: Scores,
    *,
    observer: str,
    given: tuple[str, ...],
    confidence: float = 0.95,
) -> Attack:
    """All figures of one attack."""
    found = measure_separation(scores, confidence=confidence)
    return Attack(
        name=name,
        observer=observer,
        given=given,
        auc=found.auc,
        auc_low=found.auc_low,
        auc_high=found.auc_high,
        advantage=found.advantage,
        advantage_chance=found.chance_advantage,
        rates=tuple(
            Rate(
                power.false_positive_rate,
                power.num_found,
                power.true_positive_rate,
                power.low,
                power.high,
            )
            for power in found.powers
        ),
        named=found.named.count,
        named_chance=found.named.chance,
        named_p_value=found.named.p_value,
        num_members=found.num_members,
        num_non_members=found.num_non_members,
        confidence=confidence,
        roc=_curve(scores, confidence),
    )


def epsilon_facts(
    scores: Scores,
    *,
    claimed: float | None,
    claim: str,
    delta: float = 0.0,
    confidence: float = 0.95,
) -> Epsilon:
    """The bound that the headline's scores give, beside what is claimed."""
    bound = bound_by_one_run(scores, confidence=confidence, delta=delta)
    return Epsilon(
        claimed=claimed,
        claim=claim,
        shown=bound.epsilon,
        ceiling=bound.ceiling,
        confidence=confidence,
        delta=delta,
        basis=bound.basis,
        proviso=PROVISO,
    )


def slice_facts(parts: dict[str, Separation]) -> tuple[Slice, ...]:
    """The same attack on some of the records, part by part."""
    return tuple(
        Slice(
            name,
            found.auc,
            found.named.count,
            found.named.chance,
            found.num_members,
            found.num_non_members,
        )
        for name, found in parts.items()
    )


def planted(scores: Scores) -> Planted:
    """The self-test with as many scores as the audit has."""
    test = find_planted_leak(len(scores.members), len(scores.non_members), seed=SELF_TEST_SEED)
    return Planted(test.num_planted, test.num_named, test.is_found, test.num_enough)


def _curve(scores: Scores, confidence: float) -> Curve:
    """The ROC, thinned: of some hundred points nobody sees more."""
    roc = trace_roc(scores, confidence=confidence)
    places = _thinned(roc.false_positive_rate)
    return Curve(
        *(
            tuple(float(value) for value in column[places])
            for column in (roc.false_positive_rate, roc.true_positive_rate, roc.low, roc.high)
        )
    )


def _thinned(rates: Floats) -> np.ndarray:
    """Places of the first, the last, and points that lie evenly on a logarithmic axis."""
    if len(rates) <= _POINTS:
        return np.arange(len(rates))
    smallest = float(rates[rates > 0].min())
    wanted = np.geomspace(smallest, 1.0, _POINTS)
    return np.unique([0, *np.searchsorted(rates, wanted).clip(0, len(rates) - 1), len(rates) - 1])
