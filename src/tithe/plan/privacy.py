"""The section of a plan about what an upload may tell."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tithe.plan.sections import AtLeastOne, NotNegative, Positive, Section

Mechanism = Literal[
    "mask",
    "noise_first",
    "gumbel",
    "sparse_vector",
    "sparse_vector_paper",
    "sparse_vector_as_printed",
]
"""How a participant's values are chosen and released; see ``Privacy.mechanism``."""


class Privacy(Section):
    """What each participant's uploads may tell about its data, at most."""

    unit: Literal["none", "record", "participant"] = "none"
    """whom it protects: nobody; one row of a participant's data, by DP-SGD in local training; or
    all of a participant's data at once, by noise on what it uploads"""
    epsilon: Positive = 8.0
    """the total of the whole training for each participant; what would pass it is not sent"""
    delta: Annotated[float, Field(ge=0, lt=1)] = 1e-5
    """the probability that goes with epsilon; 0 asks for pure differential privacy"""
    l2_norm_bound: Positive = 1.0
    """unit record: on each row's gradient; unit participant: on the change, for Gaussian noise"""
    clipping: Literal["flat", "automatic"] = "flat"
    """unit record: gradients above the bound are scaled down to it, or all to about it"""
    sampling: Literal["poisson", "shuffle"] = "poisson"
    """unit record: each row is in a step by its own coin, training.batch_size rows on average; or
    fixed batches of shuffled rows, charged without the gain of sampling"""
    noise_multiplier: NotNegative = 0.0
    """noise over its bound; 0 takes the least with which the whole training costs epsilon"""
    microbatch: AtLeastOne = 1
    """unit record: this many rows share one bound, so that a row weighs as much as all of them"""
    augmentations: AtLeastOne = 1
    """unit record: copies of a row, varied by training.shift and flip, that share one bound"""
    mechanism: Mechanism = "mask"
    """unit participant: which values leave and how the choice is paid: by public coins, or by the
    noisy values, at no cost; by one-shot Gumbel; by sparse vector at its best; as in the paper with
    its bound moved before the noise; or as the paper prints it, which guarantees nothing"""
    release: Literal["laplace", "gaussian"] = "gaussian"
    """unit participant: the noise on the values that leave (the sparse vector takes Laplace)"""
    selection_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """unit participant: the part of a turn's cost that the choice takes, for gumbel and
    sparse_vector"""
    bound_after: bool = False
    """unit participant: what leaves is bounded by sharing.gamma once more after the noise, which is
    free: large noise is cut off, and large values are drawn towards zero"""
    relation: Literal["zero_out", "replace"] = "zero_out"
    """unit participant: neighbours differ in one participant's change being zero, or anything"""
    epsilon_per_turn: NotNegative = 0.0
    """sparse vector of the paper: its own epsilon of one epoch; 0 takes what the total allows"""
    noise: Literal["simulated", "secure"] = "simulated"
    """noise and sampling from the seed, which repeats and protects nobody; or from the operating
    system, which cannot be repeated"""
