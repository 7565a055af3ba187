"""Audits of the code itself: the very stages and training that deploy, against what they charge.

No data of anybody is needed: a vector of a few values, or scikit-learn's digits, at a small claim,
where a fault shows. A claim that stands is no proof; one that is rejected is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tithe.audit.mechanism import (
    MechanismFinding,
    audit_mechanism,
    neighbouring_changes,
    turns_of,
)
from tithe.audit.training_audit import TrainingFinding, audit_training
from tithe.build.upload_noise import upload_noise
from tithe.checks import BadInput
from tithe.data import load
from tithe.data.normalise import choose_normalisation, normalise
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.models import build_model
from tithe.plan import Plan, load_plan
from tithe.plan.privacy_rules import uses_gaussian
from tithe.privacy.calibrate import calibrated_noise_multiplier, smallest_scale

SIZE = 4  # of the vector that a mechanism shares: the smaller, the more each run tells
DELTA = 1e-9  # of the claim of a training: a larger one hides what thousands of canaries show
NUM_TURNS = 2  # with one, noise that is used again could not be seen
_GAMMA = 0.5
_SAMPLING_RATE = 0.1
_NUM_ROWS = 200  # of the digits, beside the canaries
_WAYS = {
    "mask, Laplace": ("mask", "laplace"),
    "mask, Gaussian": ("mask", "gaussian"),
    "noise first, Laplace": ("noise_first", "laplace"),
    "noise first, Gaussian": ("noise_first", "gaussian"),
    "Gumbel, Laplace": ("gumbel", "laplace"),
    "Gumbel, Gaussian": ("gumbel", "gaussian"),
    "sparse vector": ("sparse_vector", "laplace"),
    "sparse vector of the paper, bounded first": ("sparse_vector_paper", "laplace"),
}


@dataclass(frozen=True)
class Audited:
    """The finding about one way to be private, under its name."""

    name: str
    finding: MechanismFinding | TrainingFinding


def audit_mechanisms(
    plan: Plan | None, *, epsilon: float, num_runs: int, confidence: float, seed: int
) -> Iterator[Audited]:
    """Audits how a plan protects participants, or every way there is.

    Args:
      plan: its mechanism, release, relation and shares are taken, at a noise of the audit's own;
        None: all ways, under "replace".
      epsilon: the claim of one turn at which the code is tried, > 0.
      num_runs: of each side of each pair of neighbours.
      confidence: that sound code is not accused, of each finding by itself.
      seed: of all draws.
    Raises:
      BadInput: the plan does not protect participants by noise on what they upload.
    """
    if plan is not None:
        if plan.privacy.unit != "participant":
            raise BadInput(
                'privacy.unit must be "participant" for an audit of mechanisms, '
                f'got "{plan.privacy.unit}"; tithe audit dpsgd tries training'
            )
        if plan.privacy.mechanism == "sparse_vector_as_printed":
            raise BadInput(
                'privacy.mechanism "sparse_vector_as_printed" claims no finite epsilon, so there '
                'is no claim to audit; "sparse_vector_paper" is the same, bounded first'
            )
        named = [(str(plan.privacy.mechanism), plan)]
    else:
        named = [(name, _plan_of(*way)) for name, way in _WAYS.items()]
    for name, each in named:
        yield Audited(name, _mechanism(each, epsilon, num_runs, confidence, seed))


def audit_dp_sgd(
    plan: Plan | None,
    *,
    epsilon: float,
    num_steps: int,
    num_canaries: int,
    confidence: float,
    seed: int,
) -> Audited:
    """Audits DP-SGD by canaries in one training on digits.

    Args:
      plan: its clipping, momentum and weight decay are taken; None: flat clipping and nothing else.
      epsilon: the claim of the whole training at ``DELTA``, > 0.
      num_steps: of the training.
      num_canaries: among 200 digits; more can show more.
      confidence: that sound code is not accused.
      seed: of coins, batches and noise.
    Raises:
      BadInput: the plan does not train privately, or not in a way that this audit can try.
    """
    plan = plan or load_plan({}, ["privacy.unit=record"])
    privacy = plan.privacy
    if privacy.unit != "record":
        raise BadInput(
            'privacy.unit must be "record" for an audit of training, '
            f'got "{privacy.unit}"; tithe audit mechanism tries noise on uploads'
        )
    if privacy.sampling != "poisson" or privacy.microbatch != 1:
        raise BadInput(
            'privacy.sampling must be "poisson" and privacy.microbatch 1 for an audit of training, '
            f'got "{privacy.sampling}" and {privacy.microbatch}'
        )
    noise = calibrated_noise_multiplier(
        epsilon=epsilon,
        delta=DELTA,
        sampling_rate=_SAMPLING_RATE,
        num_steps=num_steps,
        relation="zero_out",
    )
    training = PrivateTraining(
        batch_size=round(_SAMPLING_RATE * (_NUM_ROWS + num_canaries)),
        num_steps=num_steps,
        noise_multiplier=noise,
        l2_norm_bound=1.0,
        clipping=privacy.clipping,
    )
    digits = load("digits").train
    scale = choose_normalisation(digits, kind="constants")
    finding = audit_training(
        build_model("digits-mlp", num_classes=10, seed=seed),
        normalise(digits.features[:_NUM_ROWS], scale),
        digits.labels[:_NUM_ROWS],
        training=training,
        learning_rate=0.1,
        delta=DELTA,
        num_canaries=num_canaries,
        confidence=confidence,
        seed=seed,
    )
    return Audited(f"DP-SGD, {privacy.clipping} clipping", finding)


def _mechanism(
    plan: Plan, epsilon: float, num_runs: int, confidence: float, seed: int
) -> MechanismFinding:
    privacy = plan.privacy
    delta = 1e-3 if uses_gaussian(privacy) else 0.0
    sharing = plan.sharing.model_copy(update={"gamma": _GAMMA, "theta_u": 0.5, "tau": 0.1})
    bound = _GAMMA * SIZE**0.5  # so that the farthest change of one turn is as long in either norm
    events_at, finish = upload_noise(
        privacy.model_copy(update={"l2_norm_bound": bound, "noise": "simulated"}),
        sharing,
        size=SIZE,
    )
    stage, _ = finish(smallest_scale(events_at, epsilon=epsilon, delta=delta))
    assert stage is not None
    return audit_mechanism(
        turns_of(stage),
        neighbouring_changes(SIZE, gamma=_GAMMA, relation=privacy.relation, num_turns=NUM_TURNS),
        delta=delta,
        num_runs=num_runs,
        confidence=confidence,
        seed=seed,
    )


def _plan_of(mechanism: str, release: str) -> Plan:
    return load_plan(
        {},
        [
            "privacy.unit=participant",
            f"privacy.mechanism={mechanism}",
            f"privacy.release={release}",
            "privacy.relation=replace",
            f"sharing.gamma={_GAMMA}",
        ],
    )
