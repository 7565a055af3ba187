"""From [privacy] to the noise on what a participant uploads, as a function of one scale.

Calibration looks for the smallest scale whose whole training fits the budget, so every mechanism
says here how its choice and its release grow noisier together.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from tithe.learning.dp_sgd import PrivateTraining
from tithe.plan import Privacy, Sharing
from tithe.plan.privacy_rules import SPARSE_VECTORS
from tithe.privacy.events import Event
from tithe.privacy.numeric_sparse import (
    Form,
    NumericSparseScales,
    numeric_sparse_events,
    optimal_scales,
    paper_scales,
)
from tithe.privacy.private_selection import gumbel_event
from tithe.privacy.release import gaussian_release_event, laplace_release_event
from tithe.randomness import RandomBits, SecureBits, SeededBits
from tithe.sharing.private_stages import (
    BitsOf,
    keep_by_gumbel,
    release_gaussian,
    release_laplace,
    share_by_sparse_vector,
)
from tithe.sharing.selection import num_to_select
from tithe.sharing.stages import Stage, bound_each, chain, keep_largest, keep_mask

Events = Callable[[float], list[Event]]
"""What one turn costs at a scale of the noise."""

Finish = Callable[[float], tuple[Stage | None, PrivateTraining | None]]
"""The private stages, or the private training, at a scale of the noise."""


def upload_noise(privacy: Privacy, sharing: Sharing, *, size: int) -> tuple[Events, Finish]:
    """Cost and stages of one turn of a participant whose whole change is protected.

    Args:
      privacy: the plan's section, its unit ``"participant"``.
      sharing: theta_u, gamma and tau of this participant.
      size: d, the number of parameters.
    """
    bits_of: BitsOf = _secure if privacy.noise == "secure" else SeededBits
    if privacy.mechanism in SPARSE_VECTORS:
        count = num_to_select(size, theta=sharing.theta_u)
        events_at, stages_at = _sparse(privacy, sharing, count, bits_of)
    else:
        events_at, stages_at = _dense(privacy, sharing, size, bits_of)
    if not privacy.bound_after:
        return events_at, stages_at

    def bounded_after_at(scale: float) -> tuple[Stage | None, PrivateTraining | None]:
        share, private = stages_at(scale)
        assert share is not None
        return chain(share, bound_each(gamma=sharing.gamma)), private

    return events_at, bounded_after_at


def _sparse(
    privacy: Privacy, sharing: Sharing, count: int, bits_of: BitsOf
) -> tuple[Events, Finish]:
    """Sparse vector: at scale 1 its own epsilon is 1."""
    is_redrawn = privacy.mechanism != "sparse_vector"
    form: Form = "as_printed" if privacy.mechanism.endswith("as_printed") else "bounded_first"

    def scales_at(scale: float) -> NumericSparseScales:
        if is_redrawn:
            return paper_scales(epsilon=1 / scale, gamma=sharing.gamma, count=count)
        return optimal_scales(
            epsilon=1 / scale,
            gamma=sharing.gamma,
            count=count,
            unit="participant",
            relation=privacy.relation,
            release_share=1 - privacy.selection_share,
        )

    def events_at(scale: float) -> list[Event]:
        return numeric_sparse_events(
            scales=scales_at(scale),
            gamma=sharing.gamma,
            count=count,
            is_redrawn=is_redrawn,
            unit="participant",
            relation=privacy.relation,
            form=form,
        )

    def stage_at(scale: float) -> tuple[Stage, None]:
        stage = share_by_sparse_vector(
            gamma=sharing.gamma,
            tau=sharing.tau,
            theta_u=sharing.theta_u,
            scales=scales_at(scale),
            is_redrawn=is_redrawn,
            relation=privacy.relation,
            bits_of=bits_of,
            form=form,
        )
        return stage, None

    return events_at, stage_at


def _dense(privacy: Privacy, sharing: Sharing, size: int, bits_of: BitsOf) -> tuple[Events, Finish]:
    """A mask, Gumbel's choice or the whole vector, then Laplace or Gaussian noise."""
    mechanism, relation = privacy.mechanism, privacy.relation
    count = num_to_select(size, theta=sharing.theta_u)
    for_choice = privacy.selection_share if mechanism == "gumbel" else 0.0
    # Under both relations a score counts half as far apart as a value, so its noise is halved too.
    if privacy.release == "laplace":  # shares of a plain sum, which is 1 at scale 1 for "zero_out"
        num_released = size if mechanism == "noise_first" else count
        choice_at_1, release_at_1 = count / (for_choice or 1), num_released / (1 - for_choice)
    else:  # shares of a zero-concentrated cost, which is then 1/2
        num_released = 0
        choice_at_1 = math.sqrt(count / (for_choice or 1)) / 2
        release_at_1 = (1 - for_choice) ** -0.5

    def events_at(scale: float) -> list[Event]:
        choice: list[Event] = []
        if mechanism == "gumbel":
            choice = [gumbel_event(count, scale_in_gamma=choice_at_1 * scale, relation=relation)]
        if num_released:
            released: Event = laplace_release_event(
                num_released,
                scale_in_gamma=release_at_1 * scale,
                unit="participant",
                relation=relation,
            )
        else:
            released = gaussian_release_event(
                noise_multiplier=release_at_1 * scale, unit="participant", relation=relation
            )
        return [*choice, released]

    def release_at(scale: float) -> Stage:
        if num_released:
            return release_laplace(
                gamma=sharing.gamma,
                scale_in_gamma=release_at_1 * scale,
                relation=relation,
                bits_of=bits_of,
            )
        return release_gaussian(
            l2_norm_bound=privacy.l2_norm_bound,
            noise_multiplier=release_at_1 * scale,
            relation=relation,
            bits_of=bits_of,
        )

    def stages_at(scale: float) -> tuple[Stage, None]:
        release = release_at(scale)
        if mechanism == "noise_first":
            return chain(release, keep_largest(theta_u=sharing.theta_u)), None
        if mechanism == "mask":
            return chain(keep_mask(theta_u=sharing.theta_u), release), None
        choose = keep_by_gumbel(
            gamma=sharing.gamma,
            theta_u=sharing.theta_u,
            scale_in_gamma=choice_at_1 * scale,
            relation=relation,
            bits_of=bits_of,
        )
        return chain(choose, release), None

    return events_at, stages_at


def _secure(rng: torch.Generator) -> RandomBits:
    """Bits that no seed repeats; the simulation's stream is left alone."""
    return SecureBits()
