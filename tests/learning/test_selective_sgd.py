"""SSGD as an optimizer: theta = 1 is SGD, theta < 1 moves the largest gradients only."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tithe.learning.flat import read_vector
from tithe.learning.models import MODELS
from tithe.learning.selective_sgd import SelectiveSGD


def trained(optimizer_of, *, steps=5, name="digits-cnn"):
    torch.manual_seed(3)
    module = MODELS[name]()
    optimizer = optimizer_of(module.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(torch.randn(4, 1, 8, 8)), torch.arange(4))
        loss.backward()
        optimizer.step()
    return read_vector(module)


@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}],
)
def test_theta_one_is_torchs_sgd_exactly(options):
    ours = trained(lambda p: SelectiveSGD(p, lr=0.1, theta=1.0, **options))
    theirs = trained(lambda p: torch.optim.SGD(p, lr=0.1, **options))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("theta", [0.5, 0.1, 0.001])
def test_a_step_moves_just_the_largest_gradients_over_all_layers(theta):
    torch.manual_seed(0)
    module = MODELS["digits-mlp"]()
    before = read_vector(module)
    optimizer = SelectiveSGD(module.parameters(), lr=0.1, theta=theta)
    nn.functional.cross_entropy(module(torch.randn(8, 1, 8, 8)), torch.arange(8)).backward()
    gradient = torch.cat([p.grad.reshape(-1).clone() for p in module.parameters()])
    optimizer.step()
    moved = (read_vector(module) != before).nonzero().squeeze(1)
    count = int(theta * len(before))
    expected = gradient.abs().topk(count).indices.sort().values
    assert moved.tolist() == expected.tolist()
    assert torch.allclose((before - read_vector(module))[moved], 0.1 * gradient[moved], atol=1e-7)


def test_it_takes_any_module_with_frozen_and_unused_parameters():
    module = nn.ModuleList([nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2)])
    module[1].requires_grad_(False)
    optimizer = SelectiveSGD(module.parameters(), lr=0.1, theta=0.5)
    module[0](torch.ones(1, 3)).sum().backward()  # the third is never used
    before = [p.clone() for p in module.parameters()]
    optimizer.step()
    changed = [not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)]
    assert any(changed[:2]) and not any(changed[2:])


def test_a_closure_is_called_once_and_its_loss_returned():
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = SelectiveSGD([weight], lr=0.1, theta=0.5)
    calls = []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 5.0
    assert len(calls) == 1
    assert torch.allclose(weight, torch.tensor([1.0, 1.6]))


def test_it_learns_digits_with_a_hundredth_of_the_gradients():
    from tithe.data import load
    from tithe.data.normalise import choose_normalisation, normalise

    digits = load("digits").train
    x = normalise(digits.features, choose_normalisation(digits, kind="constants"))
    torch.manual_seed(0)
    module = MODELS["digits-mlp"]()
    optimizer = SelectiveSGD(module.parameters(), lr=0.2, theta=0.01)
    losses = []
    for start in [*range(0, 1400, 20)] * 3:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(
            module(x[start : start + 20]), digits.labels[start : start + 20]
        )
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert sum(losses[-20:]) / 20 < 0.5 * sum(losses[:5]) / 5


@pytest.mark.parametrize("theta", [0.0, -1.0, 1.01, float("nan")])
def test_theta_outside_its_range_is_refused(theta):
    with pytest.raises(ValueError, match=r"theta must be in \(0, 1\]"):
        SelectiveSGD([nn.Parameter(torch.zeros(2))], lr=0.1, theta=theta)
