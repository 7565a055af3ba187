"""What is refused before training begins, and what is left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.learning.per_example.networks import CentredOnBatch, losses_of
from tithe.learning.per_example.checks import MixedExamples, find_way
from tithe.learning.per_example.tape import Tape


class BatchNormByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.register_buffer("mean", torch.zeros(5))

    def forward(self, x):
        self.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
        return self.layer(x - self.mean)


class SlightlyMixed(CentredOnBatch):
    def forward(self, x):
        return self.layer(x - 1e-4 * x.mean(0))


class DroppingMixer(CentredOnBatch):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, training=self.training))


def checked(module, shape=(5,), *, loss=losses_of):
    return find_way(module, torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64), loss=loss)


@pytest.mark.parametrize("make", [CentredOnBatch, SlightlyMixed, DroppingMixer])
def test_a_module_that_mixes_examples_is_refused(make):
    with pytest.raises(MixedExamples, match="mixes the examples of a batch"):
        checked(make())


def test_batch_norm_is_refused_and_group_norm_named():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    with pytest.raises(MixedExamples, match=r"layer 1 \(BatchNorm2d\).*GroupNorm\(1, 4\)"):
        checked(module, (1, 5, 5))


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (nn.InstanceNorm2d(4, track_running_stats=True), "track_running_stats"),
        (nn.BatchNorm2d(4, track_running_stats=False), "GroupNorm"),
    ],
)
def test_running_statistics_are_refused(layer, named):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), layer, nn.Flatten(), nn.Linear(36, 2))
    with pytest.raises(MixedExamples, match=named):
        checked(module, (1, 5, 5))


def test_a_buffer_that_follows_the_rows_is_refused():
    with pytest.raises(MixedExamples, match="buffer mean changes"):
        checked(BatchNormByHand())


@pytest.mark.parametrize("option", [{"max_norm": 1.0}, {"scale_grad_by_freq": True}])
def test_an_embedding_that_looks_at_the_batch_is_refused(option):
    module = nn.Sequential(nn.Embedding(5, 3, **option), nn.Flatten(), nn.Linear(6, 2))
    with pytest.raises(MixedExamples, match=next(iter(option))):
        find_way(
            module,
            torch.zeros(1, 2, dtype=torch.int64),
            torch.zeros(1, dtype=torch.int64),
            loss=losses_of,
        )


def test_a_loss_that_is_a_mean_is_refused():
    with pytest.raises(ValueError, match="reduction='none'"):
        checked(nn.Linear(5, 3), loss=nn.functional.cross_entropy)


def test_the_check_leaves_the_module_and_the_global_stream_alone():
    module = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 3)).eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    checked(module)
    assert torch.equal(torch.rand(3), expected)
    assert not module.training and all(p.grad is None for p in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_parameters_are_trained_again_after_an_error_in_between():
    module = nn.Linear(5, 3)

    def broken():
        with Tape(module, losses_of).attached():
            assert not module.weight.requires_grad
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert module.weight.requires_grad and module.bias.requires_grad
    assert not module._forward_hooks
