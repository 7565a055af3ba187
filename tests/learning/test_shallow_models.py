"""Networks for texts and tables: their sizes, and what they may look at."""

from __future__ import annotations

import pytest
import torch

from tithe.checks import BadInput
from tithe.learning.dp_sgd import cross_entropy
from tithe.learning.models import build_model, name_for
from tithe.learning.per_example.checks import find_way
from tithe.learning.table import columns_of
from tithe.learning.text_bag import text_bag
from tithe.learning.text_linear import text_linear
from tithe.learning.text_transformer import text_transformer

LABELS = torch.tensor([0, 1])
texts = pytest.mark.parametrize("make", [text_bag, text_linear, text_transformer])


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def tokens(*words, length=64):
    row = torch.zeros(1, length, dtype=torch.int64)
    row[0, : len(words)] = torch.tensor(words)
    return row


def test_sizes_are_those_counted_by_hand():
    table = 8192 * 32
    assert size_of(text_bag()) == table + 32 * 2 + 2 == 262_210
    assert size_of(text_linear()) == 8192 * 2 + 2 == 16_386
    block = 2 * 64 + 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32)
    assert size_of(text_transformer()) == table + 64 * 32 + 2 * block + 64 + 66 == 281_410
    mlp = build_model("table-mlp-30", num_classes=2, seed=1)
    assert size_of(mlp) == 30 * 64 + 64 + 64 * 32 + 32 + 32 * 2 + 2 == 4_130


@texts
def test_text_networks_give_single_gradients_by_one_backward_pass(make):
    rows = torch.randint(8192, (2, 64))
    assert find_way(make(), rows, LABELS, loss=cross_entropy).kind == "one_backward"


def test_a_table_gives_single_gradients_by_one_backward_pass():
    module = build_model("table-mlp-5", num_classes=2, seed=1)
    assert find_way(module, torch.randn(2, 5), LABELS, loss=cross_entropy).kind == "one_backward"


@texts
def test_padding_changes_no_score(make):
    module = make(**({"length": 64} if make is text_transformer else {}))
    torch.nn.init.normal_(module.linear.weight)
    short = module(tokens(5, 7, 9, length=3))
    assert torch.allclose(module(tokens(5, 7, 9)), short, atol=1e-6)


@texts
def test_an_empty_text_has_finite_scores_and_gradients(make):
    module = make()
    scores = module(torch.cat([tokens(), tokens(3, 4)]))
    scores.sum().backward()
    assert bool(scores.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in module.parameters())


def test_a_bag_does_not_see_the_order_and_a_transformer_does():
    one, other = tokens(11, 12, 13), tokens(13, 11, 12)
    bag, transformer = text_bag(), text_transformer()
    assert torch.allclose(bag(one), bag(other), atol=1e-6)
    assert not torch.allclose(transformer(one), transformer(other), atol=1e-3)


def test_the_linear_network_sees_which_words_occur_and_not_how_often():
    module = text_linear(num_classes=3)
    torch.nn.init.normal_(module.linear.weight)
    often, once = tokens(11, 12, 12, 12), tokens(12, 11)
    assert torch.equal(module(often), module(once))
    by_hand = (module.linear.weight[:, 11] + module.linear.weight[:, 12]) / 2**0.5
    assert torch.allclose(module(once)[0], by_hand + module.linear.bias, atol=1e-6)
    assert torch.equal(module(tokens())[0], module.linear.bias)


def test_heads_must_divide_the_width():
    with pytest.raises(BadInput, match="width must be a multiple of heads = 5, got 32"):
        build_model("text-transformer", num_classes=2, seed=1, arguments={"heads": 5})


def test_a_tables_width_is_in_its_networks_name():
    assert name_for((30,)) == "table-mlp-30"
    assert columns_of("table-mlp-30") == 30
    assert columns_of("table-mlp") is columns_of("table-mlp-0") is columns_of("mnist-mlp") is None
    with pytest.raises(BadInput, match=r"model.arguments do not fit table-mlp: .*columns"):
        build_model("table-mlp", num_classes=2, seed=1)
