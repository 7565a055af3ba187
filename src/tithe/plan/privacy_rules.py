"""What must hold between [privacy] and the rest of a plan, and which of its keys do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tithe.plan.privacy import Privacy
from tithe.plan.problems import Parts, Problem

SPARSE_VECTORS = ("sparse_vector", "sparse_vector_paper", "sparse_vector_as_printed")


def uses_gaussian(privacy: Privacy) -> bool:
    """Whether the noise that protects is Gaussian, which has no pure guarantee."""
    if privacy.unit == "record":
        return True
    return privacy.release == "gaussian" and privacy.mechanism not in SPARSE_VECTORS


def needs_gamma(plan: Parts) -> bool:
    """Whether every value must be bounded by itself."""
    privacy = plan.privacy
    if privacy.unit != "participant":
        return False
    return not uses_gaussian(privacy) or privacy.mechanism == "gumbel"


def uses_tau(plan: Parts) -> bool:
    """Whether the private choice compares with sharing.tau."""
    return plan.privacy.unit == "participant" and plan.privacy.mechanism in SPARSE_VECTORS


def privacy_rules(plan: Parts) -> Iterator[Problem]:
    """Every rule about [privacy] that the plan breaks."""
    privacy = plan.privacy
    if privacy.unit == "none":
        return
    if not privacy.delta and uses_gaussian(privacy):
        yield Problem(
            "privacy.delta must be > 0 for Gaussian noise, got 0.0; Laplace noise on uploads "
            '(privacy.unit = "participant", privacy.release = "laplace") needs none',
            ("privacy.delta", "privacy.unit", "privacy.release", "privacy.mechanism"),
        )
    if privacy.unit == "record":
        yield from _record(plan)
    else:
        yield from _participant(plan)


def _record(plan: Parts) -> Iterator[Problem]:
    privacy, training = plan.privacy, plan.training
    if training.theta < 1:
        yield Problem(
            'training.theta must be 1.0 for privacy.unit = "record", '
            f"got {training.theta}: DP-SGD adds its noise to all parameters",
            ("training.theta", "privacy.unit"),
        )
    if plan.data.normalise == "own" and plan.data.features == "pixels":
        yield Problem(
            'data.normalise must be "constants" or "none" for privacy.unit = "record", got "own": '
            "a row would move all others by its part in their mean",
            ("data.normalise", "data.features", "privacy.unit"),
        )
    if privacy.microbatch > 1 and privacy.augmentations > 1:
        yield Problem(
            "privacy.microbatch must be 1 with privacy.augmentations above 1, "
            f"got {privacy.microbatch}",
            ("privacy.microbatch", "privacy.augmentations"),
        )
    if privacy.augmentations > 1 and not (training.shift or training.flip):
        yield Problem(
            "privacy.augmentations must be 1 without training.shift or training.flip, "
            f"got {privacy.augmentations}: the copies would all be the same",
            ("privacy.augmentations", "training.shift", "training.flip"),
        )


def _participant(plan: Parts) -> Iterator[Problem]:
    privacy, sharing = plan.privacy, plan.sharing
    if needs_gamma(plan) and not sharing.gamma:
        yield Problem(
            "sharing.gamma must be > 0 here, got 0.0: a value without a bound cannot be made "
            "private by noise",
            ("sharing.gamma", "privacy.mechanism", "privacy.release"),
        )
    if privacy.bound_after and not sharing.gamma:
        yield Problem(
            "sharing.gamma must be > 0 for privacy.bound_after = true, got 0.0",
            ("sharing.gamma", "privacy.bound_after"),
        )
    if sharing.residual:
        yield Problem(
            'sharing.residual must be false for privacy.unit = "participant", got true: what was '
            "not sent would mostly be the last turn's noise",
            ("sharing.residual", "privacy.unit"),
        )
    if privacy.epsilon_per_turn and privacy.mechanism not in SPARSE_VECTORS[1:]:
        yield Problem(
            "privacy.epsilon_per_turn must be 0.0 unless privacy.mechanism is the paper's sparse "
            f"vector, got {privacy.epsilon_per_turn}",
            ("privacy.epsilon_per_turn", "privacy.mechanism"),
        )
    if privacy.mechanism == "sparse_vector_as_printed" and not privacy.epsilon_per_turn:
        yield Problem(
            "privacy.epsilon_per_turn must be > 0 for privacy.mechanism = "
            '"sparse_vector_as_printed", got 0.0: it has no guarantee that a total could fix',
            ("privacy.epsilon_per_turn", "privacy.mechanism"),
        )


def idle_privacy_keys(plan: Parts) -> Iterator[str]:
    """One sentence for every key of [privacy] that was given a value but does nothing."""
    privacy = plan.privacy
    given = privacy.model_fields_set - {"unit"}
    of_record = {"clipping", "sampling", "microbatch", "augmentations"}
    of_participant = {
        "mechanism",
        "release",
        "selection_share",
        "bound_after",
        "relation",
        "epsilon_per_turn",
    }
    idle = {"none": given, "record": given & of_participant, "participant": given & of_record}
    for key in sorted(idle[privacy.unit]):
        if getattr(privacy, key) != type(privacy).model_fields[key].default:
            yield f'privacy.{key} does nothing with privacy.unit = "{privacy.unit}"'
    if privacy.unit == "participant":
        yield from _idle_in_mechanism(plan)
    if privacy.epsilon_per_turn and privacy.noise_multiplier:
        per_turn = privacy.epsilon_per_turn
        yield f"privacy.noise_multiplier does nothing with privacy.epsilon_per_turn = {per_turn}"


def _idle_in_mechanism(plan: Parts) -> Iterator[str]:
    """What bounds or chooses in other ways than the plan's mechanism does."""
    privacy, sharing = plan.privacy, plan.sharing
    mechanism = f'privacy.mechanism = "{privacy.mechanism}"'
    if sharing.selection != "largest":
        yield f"sharing.selection does nothing with {mechanism}"
    if sharing.bound_first and sharing.gamma:
        yield f"sharing.bound_first does nothing with {mechanism}"
    if sharing.gamma and not needs_gamma(plan) and not privacy.bound_after:
        yield "sharing.gamma does nothing with Gaussian noise; its bound is privacy.l2_norm_bound"
    if privacy.bound_after and privacy.mechanism == "sparse_vector_as_printed":
        yield f"privacy.bound_after does nothing with {mechanism}, which bounds after the noise"
    if privacy.l2_norm_bound != 1 and not uses_gaussian(privacy):
        yield "privacy.l2_norm_bound does nothing with Laplace noise; its bound is sharing.gamma"
    if privacy.selection_share != 0.5 and privacy.mechanism not in ("gumbel", "sparse_vector"):
        yield f"privacy.selection_share does nothing with {mechanism}"
