"""Which way a convolution takes follows from its shapes; both ways are exact."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tithe.learning.per_example.call import Call, Trained
from tithe.learning.per_example.contribution import WrittenOut
from tithe.learning.per_example.convolution import Sliding, convolution
from tithe.learning.per_example.pixel_gram import Geometry, is_cheaper

ONE = Geometry(kernel=(5, 5), stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)


@pytest.mark.parametrize(
    ("inputs", "gradients", "by_gram"),
    [
        ((8, 1, 32, 32), (8, 32, 28, 28), False),  # first layer of the CNN for MNIST
        ((8, 32, 9, 9), (8, 64, 5, 5), True),  # its second
        ((8, 3, 32, 32), (8, 64, 28, 28), False),  # first layer of the CNN for SVHN
        ((8, 64, 14, 14), (8, 64, 10, 10), True),  # its second
    ],
)
def test_large_maps_are_written_out_and_small_ones_go_by_their_pixels(inputs, gradients, by_gram):
    assert is_cheaper(inputs, gradients, ONE) == by_gram


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2}])
def test_both_ways_give_the_same_norms_and_sums(options, monkeypatch):
    monkeypatch.setattr(f"{convolution.__module__}.is_cheaper", lambda *shapes: True)
    torch.manual_seed(0)
    layer = nn.Conv2d(24, 24, 3, **options).double()
    inputs = torch.randn(5, 24, 6, 6, dtype=torch.float64)
    gradients = torch.randn_like(layer(inputs))
    trained = Trained(layer, layer.weight, layer.bias)
    by_gram = convolution(Call(trained, inputs, gradients, group=1))
    assert isinstance(by_gram, Sliding)
    written = WrittenOut(by_gram.written_out())
    norms = by_gram.squared_norms()
    torch.testing.assert_close(norms, written.squared_norms(), rtol=1e-12, atol=0)
    factors = torch.rand(5, dtype=torch.float64)
    sums = []
    with torch.no_grad():
        for contribution in (by_gram, written):
            totals = {p: torch.zeros_like(p) for p in layer.parameters()}
            contribution.add_weighted(factors, totals)
            sums.append(list(totals.values()))
    torch.testing.assert_close(sums[0], sums[1], rtol=1e-10, atol=1e-12)
