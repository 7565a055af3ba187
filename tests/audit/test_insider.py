"""The insider's generator: it learns from a network alone, and is held against a control."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from tithe.audit.insider import Insider, InsiderFinding, Likeness, likeness, nearest
from tithe.checks import BadInput


def corners():
    """A network that takes an image for the class of its brightest corner."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with torch.no_grad():
        weight = torch.zeros(3, 8, 8)
        weight[0, :4, :4] = weight[1, :4, 4:] = weight[2, 4:, :4] = 1.0
        module[1].weight.copy_(weight.flatten(1))
        module[1].bias.zero_()
    return module


def insider(**changes):
    options = {
        "wanted": 1,
        "low": -0.5,
        "high": 2.0,
        "rng": torch.Generator().manual_seed(4),
    } | changes
    return Insider((1, 8, 8), **options)


def test_it_learns_to_draw_what_a_network_takes_for_the_class_and_changes_no_parameter():
    module, one = corners(), insider()
    before = [each.clone() for each in module.parameters()]
    first = one.learn(module, num_steps=1)
    last = one.learn(module, num_steps=60)
    assert last < first / 3
    drawn = one.draw(20)
    assert drawn.shape == (20, 1, 8, 8)
    assert drawn.min() >= -0.5 and drawn.max() <= 2.0
    bright, dark = drawn[:, 0, :4, 4:].mean(), drawn[:, 0, :4, :4].mean()
    assert bright > dark + 0.5
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert all(each.grad is None for each in module.parameters())


def test_the_same_seed_draws_the_same_images():
    drawn = []
    for _ in range(2):
        torch.rand(1)  # the global stream is no part of it
        one = insider()
        one.learn(corners(), num_steps=2)
        drawn.append(one.draw(3))
    assert torch.equal(*drawn)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (1, 9, 7)])
def test_images_of_any_size_are_drawn(shape):
    one = Insider(shape, wanted=0, low=0, high=1, rng=torch.Generator().manual_seed(1))
    assert one.draw(2).shape == (2, *shape)
    assert math.isnan(one.learn(nn.Flatten(), num_steps=0))


def test_images_of_one_value_are_refused():
    with pytest.raises(BadInput, match="two values or more"):
        insider(low=0.0, high=0.0)


def picture(seed, num, *, of_class=True):
    """Noisy bars that stand for a class, or noise that stands for none; ``(num, 64)``."""
    rng = np.random.default_rng(seed)
    bars = np.zeros((8, 8))
    bars[2:6, 3:5] = of_class
    return bars.ravel() + 0.3 * rng.normal(size=(num, 64))


def measured(drawn, judged):
    return likeness(
        drawn,
        np.full(len(drawn), float(judged)),
        members=picture(1, 40),
        strangers=picture(2, 40),
        public_mean=np.full(64, 0.1),
        class_mean=picture(3, 100).mean(axis=0),
    )


def test_drawings_of_the_class_are_told_from_those_of_a_control_that_failed():
    success, failure = measured(picture(7, 30), 1), measured(picture(8, 30, of_class=False), 0)
    assert success.to_class > 0.5 > abs(failure.to_class)
    assert abs(success.to_member - success.to_stranger) < 0.05
    finding = InsiderFinding(success, failure)
    assert finding.is_drawn and not finding.is_of_members
    assert "drew class seven, no nearer to members than to strangers" in finding.in_words("seven")
    assert "100\N{NO-BREAK SPACE}%" in finding.in_words("seven")
    for missed in (InsiderFinding(failure, failure), InsiderFinding(success, success)):
        assert not missed.is_drawn
        assert missed.in_words("seven").startswith("The insider did not draw class seven")


def test_drawings_that_are_members_are_called_so():
    failure = measured(picture(8, 30, of_class=False), 0)
    finding = InsiderFinding(measured(picture(1, 40), 1), failure)
    assert finding.is_of_members
    assert "drew class seven, nearer to members" in finding.in_words("seven")
    lopsided = Likeness(judged=0.0, to_class=0.0, to_member=0.9, to_stranger=0.1)
    assert not InsiderFinding(finding.found, lopsided).is_of_members  # the samples differ as much


def test_as_many_strangers_as_members_are_asked_for():
    with pytest.raises(
        BadInput, match="must be as many, else the more are the nearer, got 3 and 2"
    ):
        likeness(
            picture(1, 2), np.ones(2), members=picture(1, 3), strangers=picture(2, 2),
            public_mean=np.zeros(64), class_mean=np.ones(64),
        )  # fmt: skip


def test_the_nearest_row_is_the_one_that_was_copied():
    rows = picture(1, 10)
    assert nearest(rows[[4, 7]] * 3 + 1, rows).tolist() == [4, 7]
