"""Stages: small steps of one shape that turn a change into what leaves, joined by one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from tithe.checks import require_fraction, require_positive
from tithe.privacy.events import Event, PlainSelection
from tithe.sharing.selection import (
    num_to_select,
    select_largest,
    select_mask,
    select_random_above,
)
from tithe.sharing.update import SparseUpdate


@dataclass(frozen=True)
class Coins:
    """What the stages of one turn may draw from.

    Attributes:
      own: this participant's stream at this turn; nobody else draws from it.
      public: the stream that everybody draws from at the same turn, so that all choose alike.
    """

    own: torch.Generator
    public: torch.Generator


Stage = Callable[[SparseUpdate, Coins], tuple[SparseUpdate, list[Event]]]


def chain(*stages: Stage) -> Stage:
    """Applies the stages in order and keeps the events of all, in order."""

    def share(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        events: list[Event] = []
        for stage in stages:
            update, released = stage(update, coins)
            events += released
        return update, events

    return share


def bound_each(*, gamma: float) -> Stage:
    """Truncates every value to ``[-gamma, gamma]``.

    Guarantee: no value that leaves is larger than gamma in magnitude. A bound alone gives no
    differential privacy; it is what a noise mechanism after it needs.
    Source: Shokri & Shmatikov 2015, the bound gamma.
    """
    require_positive(gamma=gamma)

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        return update.with_values(update.values.clamp(-gamma, gamma)), []

    return stage


def keep_largest(*, theta_u: float) -> Stage:
    """Keeps the theta_u*d values that are largest in magnitude (d: the whole vector's size).

    Guarantee: none for raw values (a ``PlainSelection`` event says so); free if they are private
    already. See ``select_largest`` for ties.
    Source: Shokri & Shmatikov 2015, the rule "largest values".
    """
    require_fraction(theta_u=theta_u)

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        count = num_to_select(update.size, theta=theta_u)
        if count >= len(update):
            return update, []  # nothing was chosen, so the choice tells nothing
        kept = update.take(select_largest(update.values, count=count))
        events: list[Event] = [] if update.is_private else [PlainSelection(len(kept), "largest")]
        return kept, events

    return stage


def keep_random_above(*, tau: float, theta_u: float) -> Stage:
    """Keeps at most theta_u*d values, drawn at random from those with magnitude > tau.

    Guarantee: none for raw values (a ``PlainSelection`` event says so); free if they are private
    already.
    Source: Shokri & Shmatikov 2015, the rule "random with threshold".
    """
    require_fraction(theta_u=theta_u)

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        count = num_to_select(update.size, theta=theta_u)
        kept = update.take(select_random_above(update.values, tau=tau, count=count, rng=coins.own))
        events: list[Event] = (
            [] if update.is_private else [PlainSelection(len(kept), "random_above_tau")]
        )
        return kept, events

    return stage


def keep_mask(*, theta_u: float) -> Stage:
    """Keeps theta_u*d coordinates drawn from public coins, whatever their values.

    Guarantee: the choice is independent of the data and costs nothing; the values still do.
    """
    require_fraction(theta_u=theta_u)

    def stage(update: SparseUpdate, coins: Coins) -> tuple[SparseUpdate, list[Event]]:
        count = num_to_select(update.size, theta=theta_u)
        return update.take(select_mask(len(update), count=count, rng=coins.public)), []

    return stage
