"""Private stages: they bound, choose and release with noise, and say what that costs.

Each has the shape of every other stage, so a private method reads off one expression too::

    chain(keep_mask(theta_u=0.1), release_laplace(gamma=1e-3, scale_in_gamma=..., ...))

What comes after a release sees only private values and costs nothing: ``keep_largest`` after a
release of the whole vector is "noise first, then the largest". What comes before one must not look
at values, or must be private itself; a plain selection before a release still emits its own event
with an infinite epsilon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from tithe.privacy.events import Event, Relation
from tithe.privacy.numeric_sparse import (
    Form,
    NumericSparseScales,
    numeric_sparse,
    numeric_sparse_events,
)
from tithe.privacy.private_selection import gumbel_event, select_by_gumbel
from tithe.privacy.release import (
    gaussian_release_event,
    laplace_release_event,
    release_with_gaussian,
    release_with_laplace,
)
from tithe.randomness import RandomBits
from tithe.sharing.selection import num_to_select
from tithe.sharing.stages import Coins, Stage
from tithe.sharing.update import SparseUpdate

BitsOf = Callable[[torch.Generator], RandomBits]
"""Noise for one turn: from that turn's stream in a simulation, from the system in deployment."""


def release_laplace(
    *, gamma: float, scale_in_gamma: float, relation: Relation, bits_of: BitsOf
) -> Stage:
    """Bounds every value by gamma and adds Laplace noise; the update is private afterwards.

    Guarantee: ``laplace_release_event`` for one participant's whole data, for the coordinates that
    come in; how they were chosen is not covered.
    Source: Dwork & Roth 2014, Theorem 3.6.
    """

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        if not len(update):
            return replace(update, is_private=True), []
        values = release_with_laplace(
            update.values, gamma=gamma, scale_in_gamma=scale_in_gamma, bits=bits_of(coins.own)
        )
        event = laplace_release_event(
            len(update), scale_in_gamma=scale_in_gamma, unit="participant", relation=relation
        )
        return replace(update.with_values(values), is_private=True), [event]

    return stage


def release_gaussian(
    *, l2_norm_bound: float, noise_multiplier: float, relation: Relation, bits_of: BitsOf
) -> Stage:
    """Bounds the L2 norm of what comes in and adds Gaussian noise; it is private afterwards.

    Guarantee: ``gaussian_release_event`` for one participant's whole data, for the coordinates that
    come in; how they were chosen is not covered.
    Source: Canonne, Kamath & Steinke 2020, Theorem 4.
    """

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        values = release_with_gaussian(
            update.values,
            l2_norm_bound=l2_norm_bound,
            noise_multiplier=noise_multiplier,
            bits=bits_of(coins.own),
        )
        event = gaussian_release_event(
            noise_multiplier=noise_multiplier, unit="participant", relation=relation
        )
        return replace(update.with_values(values), is_private=True), [event]

    return stage


def keep_by_gumbel(
    *, gamma: float, theta_u: float, scale_in_gamma: float, relation: Relation, bits_of: BitsOf
) -> Stage:
    """Keeps the theta_u*d values whose bounded magnitude is largest after Gumbel noise.

    Guarantee: the choice costs its ``GumbelSelection`` event for one participant's whole data. The
    values that come out are raw, so a release has to follow.
    Source: Durfee & Rogers 2019, one-shot Gumbel top-k.
    """

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        count = num_to_select(update.size, theta=theta_u)
        positions = select_by_gumbel(
            update.values,
            gamma=gamma,
            count=count,
            scale=gamma * scale_in_gamma,
            bits=bits_of(coins.own),
        )
        event = gumbel_event(count, scale_in_gamma=scale_in_gamma, relation=relation)
        return update.take(positions), [event]

    return stage


def share_by_sparse_vector(
    *,
    gamma: float,
    tau: float,
    theta_u: float,
    scales: NumericSparseScales,
    is_redrawn: bool,
    relation: Relation,
    bits_of: BitsOf,
    form: Form = "bounded_first",
) -> Stage:
    """Chooses at most theta_u*d values by a noisy threshold and releases them with fresh noise.

    Guarantee: ``numeric_sparse_events`` for one participant's whole data, charged for theta_u*d
    values whether or not as many passed; the form "as_printed" has none, and its values come out
    as raw ones.
    Source: Shokri & Shmatikov 2015; Dwork & Roth 2014, Algorithm 3; Lyu, Su & Li 2017, Algorithm 1
    (``is_redrawn`` false).
    """

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        count = num_to_select(update.size, theta=theta_u)
        positions, values = numeric_sparse(
            update.values,
            gamma=gamma,
            tau=tau,
            scales=scales,
            count=count,
            is_redrawn=is_redrawn,
            bits=bits_of(coins.own),
            form=form,
        )
        events = numeric_sparse_events(
            scales=scales,
            gamma=gamma,
            count=count,
            is_redrawn=is_redrawn,
            unit="participant",
            relation=relation,
            form=form,
        )
        kept = update.take(positions).with_values(values)
        return replace(kept, is_private=form == "bounded_first"), events

    return stage
