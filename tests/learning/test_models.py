"""The networks: their sizes are the paper's, their initial values the seed's."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from tithe.checks import BadInput
from tithe.learning.flat import layers_of, read_vector, write_vector
from tithe.learning.models import MODELS, SubtractiveNorm, build_model, name_for

SHAPES = {
    "mnist-mlp": (1, 32, 32),
    "svhn-mlp": (3, 32, 32),
    "mnist-cnn": (1, 32, 32),
    "svhn-cnn": (3, 32, 32),
    "digits-cnn": (1, 8, 8),
    "digits-mlp": (1, 8, 8),
    "linear": (81, 8, 8),
    "vgg19": (3, 32, 32),
    "wrn-16-4": (3, 32, 32),
    "table-mlp": (9,),
}
TEXTS = ("text-bag", "text-linear", "text-transformer")
NEEDED = {"table-mlp": {"columns": 9}}


def rows_for(name, count=3):
    """Random rows of the kind that a network takes."""
    if name in TEXTS:
        return torch.randint(8192, (count, 64))
    return torch.randn(count, *SHAPES[name])


@pytest.mark.parametrize(
    ("name", "count"),
    # Shokri & Shmatikov 2015, section on architectures.
    [("mnist-mlp", 140_106), ("svhn-mlp", 402_250), ("mnist-cnn", 105_506), ("svhn-cnn", 313_546)],
)
def test_the_papers_networks_have_the_papers_sizes(name, count):
    assert sum(p.numel() for p in MODELS[name]().parameters()) == count


@pytest.mark.parametrize("name", MODELS)
def test_every_network_takes_its_rows_and_has_finite_gradients(name):
    module = build_model(name, num_classes=7, seed=1, arguments=NEEDED.get(name))
    scores = module(rows_for(name))
    assert scores.shape == (3, 7)
    functional.cross_entropy(scores, torch.tensor([0, 3, 6])).backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in module.parameters())


def test_tanh_behind_the_pooling_is_the_same_function_as_before_it():
    module = build_model("mnist-cnn", num_classes=10, seed=1)
    papers = nn.Sequential(
        module.conv1, nn.Tanh(), nn.MaxPool2d(3, 3),
        module.conv2, nn.Tanh(), nn.MaxPool2d(2, 2),
        nn.Flatten(), module.linear1, nn.Tanh(), module.linear2,
    )  # fmt: skip
    rows = torch.randn(5, 1, 32, 32)
    assert torch.allclose(module(rows), papers(rows), atol=1e-6)


def test_the_seed_decides_the_initial_values_and_nothing_else_moves():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = read_vector(build_model("mnist-mlp", num_classes=10, seed=1))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, read_vector(build_model("mnist-mlp", num_classes=10, seed=1)))
    assert not torch.equal(one, read_vector(build_model("mnist-mlp", num_classes=10, seed=2)))


def test_the_vector_round_trips_and_its_layers_tile_it():
    module = build_model("svhn-cnn", num_classes=10, seed=1)
    vector = torch.randn(313_546)
    write_vector(module, vector)
    assert torch.equal(read_vector(module), vector)
    layers = layers_of(module)
    assert layers[0].name == "conv1.weight" and layers[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(layers))
    first = layers[0]
    kernel = vector[first.start : first.stop].view(first.shape)
    assert torch.equal(dict(module.named_parameters())["conv1.weight"], kernel)


@pytest.mark.parametrize("size", [313_545, 0])
def test_a_vector_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="vector must have shape"):
        write_vector(build_model("svhn-cnn", num_classes=10, seed=1), torch.zeros(size))


def test_subtractive_norm_takes_a_constant_to_zero_and_keeps_detail():
    norm = SubtractiveNorm(4)
    assert norm(torch.full((1, 4, 10, 10), 3.0)).abs().max() < 1e-5
    spot = torch.zeros(1, 4, 11, 11)
    spot[0, 0, 5, 5] = 1.0
    out = norm(spot)
    assert out[0, 0, 5, 5] > 0.9 * (1 - 1 / 4)
    assert out[0, 1, 5, 5] < 0
    assert list(norm.parameters()) == []


def own_network(num_classes: int, width: int = 4) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.LazyLinear(width) if width < 0 else nn.Linear(64, num_classes)
    )


def no_network() -> str:
    return "text"


def test_a_users_own_function_is_called_with_the_classes():
    module = build_model(f"{__name__}:own_network", num_classes=3, seed=1)
    assert module(torch.zeros(1, 1, 8, 8)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("mnist-cn", {}, "did you mean mnist-cnn"),
        ("no.such.package:net", {}, "cannot be imported"),
        (f"{__name__}:missing", {}, "cannot be imported"),
        (f"{__name__}:no_network", {}, "must return a torch.nn.Module"),
        (f"{__name__}:own_network", {"depth": 3}, "do not fit"),
        (f"{__name__}:SHAPES", {}, "must be a function"),
    ],
)
def test_a_network_that_cannot_be_had_is_one_clear_sentence(name, arguments, sentence):
    with pytest.raises(BadInput, match=sentence):
        build_model(name, num_classes=10, seed=1, arguments=arguments)


def test_auto_knows_the_shapes_it_knows():
    assert name_for((3, 32, 32)) == "svhn-cnn"
    with pytest.raises(BadInput, match="got \\(1, 28, 28\\)"):
        name_for((1, 28, 28))
