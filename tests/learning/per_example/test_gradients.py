"""Norms and clipped sums of single examples' gradients are those of the naive loop."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.learning.per_example.networks import (
    BOOK_KEPT,
    WRITTEN_OUT,
    double,
    losses_of,
    naive_gradients,
    rows_of,
)
from tithe.learning.models import build_model
from tithe.learning.per_example.call import gram_squared_norms
from tithe.learning.per_example.checks import find_way
from tithe.learning.per_example.clipping import add_clipped, clip_factors
from tithe.learning.per_example.convolution import convolution

ALL = {**BOOK_KEPT, **{name: case[:2] for name, case in WRITTEN_OUT.items()}}


def clipped_sum(module, features, labels, *, bound, group=1, clipping="flat", kind=None):
    """Norms ``(m,)`` and the sum of clipped gradients ``(d,)``, as the training finds them."""
    way = find_way(module, features, labels, loss=losses_of)
    if kind is not None:
        assert way.kind == kind
    parameters = [p for p in module.parameters() if p.requires_grad]
    totals = {p: torch.zeros_like(p) for p in parameters}
    weights = None if group == 1 else parameters[0].new_full((len(labels),), 1 / group)
    with way.of(module, losses_of).attached() as find:
        found = find(features, labels, weights=weights, group=group)
        with torch.no_grad():
            norms = add_clipped(found.contributions, totals, l2_norm_bound=bound, clipping=clipping)
    assert all(p.requires_grad for p in parameters)
    return norms, torch.cat([totals[p].flatten() for p in parameters])


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("name", ALL)
def test_norms_and_clipped_sums_are_those_of_the_naive_loop(name, group):
    make, shape = ALL[name]
    module = double(make)
    features, labels = rows_of(shape, num_rows=18)
    each = naive_gradients(module, features, labels, group=group)
    bound = float(each.norm(dim=1).median())  # clips some and leaves some
    factors = (bound / each.norm(dim=1)).clamp(max=1)
    kind = WRITTEN_OUT[name][2] if name in WRITTEN_OUT else "one_backward"
    norms, total = clipped_sum(module, features, labels, bound=bound, group=group, kind=kind)
    torch.testing.assert_close(norms, each.norm(dim=1), rtol=1e-10, atol=0)
    torch.testing.assert_close(total, factors @ each, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("is_by_gram", [True, False])
@pytest.mark.parametrize("name", [name for name in BOOK_KEPT if "conv" in name])
def test_convolutions_are_exact_whichever_way_they_take(name, is_by_gram, monkeypatch):
    monkeypatch.setattr(f"{convolution.__module__}.is_cheaper", lambda *shapes: is_by_gram)
    make, shape = BOOK_KEPT[name]
    module = double(make)
    features, labels = rows_of(shape, num_rows=18)
    each = naive_gradients(module, features, labels)
    norms, total = clipped_sum(module, features, labels, bound=1e9, kind="one_backward")
    torch.testing.assert_close(norms, each.norm(dim=1), rtol=1e-10, atol=0)
    torch.testing.assert_close(total, each.sum(dim=0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["mnist-mlp", "mnist-cnn", "svhn-cnn", "digits-cnn"])
def test_the_paper_networks_take_one_backward_pass(name):
    module = build_model(name, num_classes=10, seed=3).double()
    shape = {"svhn-cnn": (3, 32, 32), "digits-cnn": (1, 8, 8)}.get(name, (1, 32, 32))
    features, labels = rows_of(shape, num_rows=5)
    each = naive_gradients(module, features, labels)
    norms, total = clipped_sum(module, features, labels, bound=1e9, kind="one_backward")
    torch.testing.assert_close(norms, each.norm(dim=1), rtol=1e-10, atol=0)
    torch.testing.assert_close(total, each.sum(dim=0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [name for name, (_, shape) in ALL.items() if shape[0] != "words"])
def test_an_example_that_is_not_a_number_spreads_to_no_other(name):
    make, shape = ALL[name]
    module = double(make)
    features, labels = rows_of(shape, num_rows=6)
    each = naive_gradients(module, features, labels)
    features[2] = torch.nan
    norms, total = clipped_sum(module, features, labels, bound=1e9)
    assert norms.isfinite().tolist() == [True, True, False, True, True, True]
    others = each[[0, 1, 3, 4, 5]].sum(dim=0)
    torch.testing.assert_close(total, others, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [1e30, float("inf")])
@pytest.mark.parametrize("name", ["linear", "linear on 4 axes", "conv2d", "conv2d, deep"])
def test_an_enormous_example_adds_at_most_the_bound(name, size):
    make, shape = BOOK_KEPT[name]
    module = double(make).float()
    features, labels = rows_of(shape, num_rows=6)
    features = features.float()
    each = naive_gradients(module, features, labels).clone()
    features[2] = size
    _, total = clipped_sum(module, features, labels, bound=1e3)
    others = each[[0, 1, 3, 4, 5]].sum(dim=0)
    assert total.isfinite().all()
    assert (total - others).norm() <= 1e3 * (1 + 1e-5)


def test_automatic_clipping_by_hand():
    norms = torch.tensor([0.0, 0.99, 9.99, torch.inf, torch.nan])
    factors = clip_factors(norms, l2_norm_bound=2.0, clipping="automatic")
    torch.testing.assert_close(factors, torch.tensor([200.0, 2.0, 0.2, 0.0, 0.0]))


def test_flat_clipping_by_hand():
    norms = torch.tensor([0.0, 1.0, 4.0, torch.inf, torch.nan])
    factors = clip_factors(norms, l2_norm_bound=2.0, clipping="flat")
    torch.testing.assert_close(factors, torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0]))
    endless = clip_factors(norms, l2_norm_bound=float("inf"), clipping="flat")
    torch.testing.assert_close(endless, torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]))


@pytest.mark.parametrize("num_positions", [2, 4, 25])
@pytest.mark.parametrize("size", [8, 64, 4608])
def test_cancelling_positions_never_make_a_norm_too_small(num_positions, size):
    # The positions' shares cancel to less than what float32 can tell from rounding: without a
    # margin about a third of these squared norms come out negative.
    torch.manual_seed(0)
    inputs = torch.randn(100, 1, size) + 1e-5 * torch.randn(100, num_positions, size)
    gradients = torch.randn(100, num_positions, 32)
    gradients -= gradients.mean(dim=1, keepdim=True)
    exact = (gradients.double().mT @ inputs.double()).square().sum(dim=(1, 2))
    found = gram_squared_norms(inputs @ inputs.mT, gradients @ gradients.mT)
    assert bool((found.double() >= exact).all())
    largest = (inputs.square().sum(dim=(1, 2)) * gradients.square().sum(dim=(1, 2))).double()
    assert bool((found.double() <= exact + 1e-6 * largest).all())


def test_dropout_is_drawn_for_every_example_on_every_way():
    for make in (nn.Identity, lambda: nn.PReLU(1)):  # the second has no rule of its own
        torch.manual_seed(0)
        module = nn.Sequential(make(), nn.Dropout(0.5), nn.Linear(50, 2)).double()
        features = torch.ones(4, 50, dtype=torch.float64)
        labels = torch.zeros(4, dtype=torch.int64)
        module.train()
        norms, _ = clipped_sum(module, features, labels, bound=1.0)
        assert len(norms.unique()) == 4


def test_channels_last_changes_nothing():
    make, shape = BOOK_KEPT["conv2d"]
    module = double(make)
    features, labels = rows_of(shape, num_rows=6)
    expected = clipped_sum(module, features, labels, bound=0.1)
    module.to(memory_format=torch.channels_last)
    found = clipped_sum(
        module, features.contiguous(memory_format=torch.channels_last), labels, bound=0.1
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
