"""Local training: how many steps, which rows, and what a broken loss does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tithe.learning.augment import Augmentation
from tithe.learning.evaluate import evaluate, predict
from tithe.learning.flat import read_vector
from tithe.learning.local import DivergedTraining, LocalTraining, batches, train_locally


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 40))
def test_every_pass_sees_every_row_once(num_rows, batch_size, num_passes):
    per_pass = -(-num_rows // batch_size)
    rng = torch.Generator().manual_seed(0)
    seen = list(batches(num_rows, batch_size=batch_size, num_steps=per_pass * num_passes, rng=rng))
    for start in range(0, len(seen), per_pass):
        rows = torch.cat(seen[start : start + per_pass])
        assert rows.sort().values.tolist() == list(range(num_rows))


@pytest.mark.parametrize(
    ("training", "num_rows", "steps"),
    [
        (LocalTraining(batch_size=8), 600, 75),
        (LocalTraining(batch_size=8), 601, 76),
        (LocalTraining(batch_size=8, local_epochs=2.5), 80, 25),
        (LocalTraining(batch_size=8, local_epochs=0.001), 80, 1),
        (LocalTraining(batch_size=8, local_steps=7, local_epochs=9), 80, 7),
        (LocalTraining(batch_size=100), 3, 1),
    ],
)
def test_how_many_steps_a_turn_takes(training, num_rows, steps):
    assert training.num_steps(num_rows) == steps


def one_turn(module, *, rows=20, learning_rate=0.1, training=None, seed=0):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 4, generator=generator)
    y = x[:, :3].argmax(dim=1)
    return train_locally(
        module,
        x,
        y,
        training=training or LocalTraining(batch_size=4),
        learning_rate=learning_rate,
        rng=torch.Generator().manual_seed(seed),
    )


def network(*, dropout=0.0):
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(dropout), nn.Linear(8, 3))


def test_training_repeats_itself_for_the_same_stream_even_with_dropout():
    vectors = []
    for seed in (0, 0, 1):
        module = network(dropout=0.5)
        torch.manual_seed(seed + len(vectors))  # the global stream must not matter
        one_turn(module, seed=seed)
        vectors.append(read_vector(module))
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


def test_an_augmentation_is_part_of_the_training_and_repeats_itself():
    images = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(12) % 3
    vectors = []
    for shift in (0.25, 0.25, 0.0):
        torch.manual_seed(7)
        module = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        train_locally(
            module,
            images,
            labels,
            training=LocalTraining(batch_size=4, augmentation=Augmentation(shift)),
            learning_rate=0.1,
            rng=torch.Generator().manual_seed(0),
        )
        vectors.append(read_vector(module))
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


def test_the_global_stream_is_left_where_it_was():
    module = network()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one_turn(module)
    assert torch.equal(torch.rand(2), expected)


def test_it_lowers_the_loss():
    module = network()
    first = one_turn(module)
    for seed in range(30):
        last = one_turn(module, seed=seed)
    assert last < 0.8 * first


def test_a_loss_that_is_not_finite_stops_the_training():
    with pytest.raises(DivergedTraining):
        one_turn(network(), learning_rate=1e30)


def test_selective_training_moves_few_parameters():
    module = network()
    before = read_vector(module)
    one_turn(module, rows=4, training=LocalTraining(batch_size=4, theta=0.05))
    assert 1 <= int((read_vector(module) != before).sum()) <= 0.05 * len(before)


def test_quality_by_hand():
    module = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.eye(2))
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    quality = evaluate(module, x, torch.tensor([0, 1, 1]), batch_size=2)
    right, wrong = (
        torch.log1p(torch.exp(torch.tensor(-1.0))),
        torch.log1p(torch.exp(torch.tensor(1.0))),
    )
    assert quality.accuracy == pytest.approx(2 / 3)
    assert quality.loss == pytest.approx(float(2 * right + wrong) / 3)
    assert predict(module, x).sum(dim=1).tolist() == pytest.approx([1, 1, 1])
