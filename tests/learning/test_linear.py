"""The linear network: every row on its own scale, and nothing but that and one layer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tithe.checks import BadInput
from tithe.learning.flat import read_vector
from tithe.learning.models import build_model


def linear_on(shape, **arguments):
    module = build_model("linear", num_classes=3, seed=1, arguments={"shape": shape, **arguments})
    with torch.no_grad():  # it starts at zero, where every row looks alike
        module.linear.weight.normal_(generator=torch.Generator().manual_seed(1))
    return module


@given(st.floats(0.1, 10.0), st.floats(-5.0, 5.0), st.integers(0, 1))
def test_the_linear_network_sees_no_brightness_and_no_contrast(contrast, brightness, border):
    rows = torch.rand(4, 6, 4, 5, generator=torch.Generator().manual_seed(3)) * 10
    module = linear_on((6, 4, 5), groups=3, border=border)
    assert torch.allclose(module(rows), module(contrast * rows + brightness), atol=0.05)


@pytest.mark.parametrize(("shape", "groups"), [((6, 4, 5), 3), ((6,), 2), ((6,), 1)])
def test_the_linear_network_takes_rows_one_by_one(shape, groups):
    module = linear_on(shape, groups=groups)
    rows = torch.randn(4, *shape)
    assert torch.allclose(module(rows)[2:3], module(rows[2:3]), atol=1e-5)
    assert torch.isfinite(module(torch.zeros(2, *shape))).all()


def test_the_linear_network_leaves_out_its_border():
    assert (
        read_vector(build_model("linear", num_classes=10, seed=1, arguments={"border": 1})).numel()
        == 81 * 6 * 6 * 10 + 10
    )
    module = linear_on((2, 4, 5), groups=1, border=1)
    rows = torch.randn(3, 2, 4, 5)
    changed = rows.clone()
    changed[:, :, 0] = changed[:, :, -1] = 9.0
    changed[..., 0] = changed[..., -1] = -9.0
    assert torch.equal(module(rows), module(changed))
    changed[:, 1, 1, 1] += 1.0
    assert not torch.equal(module(rows), module(changed))


def test_the_linear_network_starts_at_zero():
    assert not read_vector(build_model("linear", num_classes=10, seed=1)).any()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"groups": 4}, "must divide 81 channels"),
        ({"groups": 0}, "must divide 81 channels"),
        ({"shape": (81,), "groups": 81}, "groups of 2 or more values"),
        ({"border": 4}, r"border must leave something of rows of shape \(81, 8, 8\)"),
        ({"border": -1}, "border must leave something"),
        ({"shape": (81,), "border": 1}, "border must leave something"),
    ],
)
def test_a_linear_network_that_does_not_fit_its_rows_is_refused(arguments, sentence):
    with pytest.raises(BadInput, match=sentence):
        build_model("linear", num_classes=10, seed=1, arguments=arguments)
