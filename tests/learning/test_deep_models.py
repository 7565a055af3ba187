"""VGG19 and WideResNet-16-4: sizes counted by hand, and rows that do not see each other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tithe.learning.dp_sgd import cross_entropy
from tithe.learning.per_example.checks import find_way
from tithe.learning.per_example.layers import trained_layers
from tithe.learning.vgg import vgg19
from tithe.learning.wide_resnet import ResidualBlock, wrn_16_4


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_vgg19_has_the_size_counted_by_hand():
    widths = [64, 64, 128, 128, *[256] * 4, *[512] * 8]
    convolutions = sum(
        9 * before * after + after for before, after in zip([3, *widths], widths, strict=False)
    )
    assert convolutions == 20_024_384  # of the original, whose sixteen convolutions these are
    norms = 2 * sum(widths)
    linear = 512 * 512 + 512 + 512 * 10 + 10
    assert size_of(vgg19()) == convolutions + norms + linear == 20_303_178


def test_wrn_16_4_has_the_size_counted_by_hand():
    def block(before, after):
        around = before * after if before != after else 0
        return 2 * before + 9 * before * after + 2 * after + 9 * after * after + around

    stages = [(16, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    by_hand = 27 * 16 + sum(block(*each) for each in stages) + 2 * 256 + 256 * 10 + 10
    assert size_of(wrn_16_4()) == by_hand == 2_748_890


@pytest.mark.parametrize("make", [vgg19, wrn_16_4])
def test_deep_networks_keep_nothing_of_a_batch(make):
    module = make()
    assert not list(module.buffers())
    norms = [layer for layer in module.modules() if "Norm" in type(layer).__name__]
    assert norms and all(isinstance(layer, nn.GroupNorm) for layer in norms)


@pytest.mark.parametrize("make", [vgg19, wrn_16_4])
def test_every_layer_of_deep_networks_has_a_rule_for_single_gradients(make):
    module = make()
    ruled = sum(len(layer.parameters) for layer in trained_layers(module))
    assert ruled == len(list(module.parameters()))


@pytest.mark.parametrize("make", [pytest.param(vgg19, marks=pytest.mark.slow), wrn_16_4])
def test_deep_networks_give_single_gradients_by_one_backward_pass(make):
    rows, labels = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    assert find_way(make(), rows, labels, loss=cross_entropy).kind == "one_backward"


def test_vgg19_drops_half_of_its_features_in_training_only():
    module, rows = vgg19(), torch.randn(2, 3, 32, 32)
    assert [each.p for each in module.modules() if isinstance(each, nn.Dropout)] == [0.5, 0.5]
    with torch.no_grad():
        assert not torch.equal(module(rows), module(rows))
        module.eval()
        assert torch.equal(module(rows), module(rows))


def test_a_residual_block_whose_convolutions_are_zero_is_the_way_around():
    block = ResidualBlock(16, 16, stride=1)
    nn.init.zeros_(block.conv2.weight)
    maps = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(maps), maps)
