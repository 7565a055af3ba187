"""Training within a turn: plain, private, and the limits where private is plain."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation
from tithe.data.shard import Shard
from tithe.learning.augment import Augmentation
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import DivergedTraining, LocalTraining
from tithe.learning.private_batches import draw_batches
from tithe.parties.training import train
from tithe.randomness import stream

NUM_ROWS = 12
PLAIN = LocalTraining(batch_size=4)
PRIVATE = PrivateTraining(batch_size=4, num_steps=6, noise_multiplier=1.0, l2_norm_bound=1.0)
NO_NOISE = replace(PRIVATE, noise_multiplier=0.0, l2_norm_bound=1e9)


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def shard():
    features = torch.randn(NUM_ROWS, 1, 6, generator=torch.Generator().manual_seed(0))
    data = Dataset("tiny", features, torch.arange(NUM_ROWS) % 3, ("a", "b", "c"), (), ())
    return Shard(data, torch.arange(NUM_ROWS), Normalisation("none"))


def streams(turn=0):
    return lambda purpose: stream(1, purpose=purpose, participant=4, turn=turn)


def trained(training, *, turn=0, learning_rate=0.1, start=None, **others):
    return train(
        shard(),
        read_vector(network()) if start is None else start,
        module=network(),
        training=training,
        learning_rate=learning_rate,
        streams=streams(turn),
        **{
            "has_secure_noise": False,
            "augmentation": Augmentation(),
            "augmentations": 1,
            "device": "cpu",
            **others,
        },
    )


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.0), (0.5, 0.1)])
def test_without_noise_and_bound_on_whole_batches_it_is_the_plain_training(momentum, weight_decay):
    # A batch of all rows is the same batch in whatever order the rows come.
    how = {"batch_size": NUM_ROWS, "momentum": momentum, "weight_decay": weight_decay}
    plain = trained(LocalTraining(local_steps=6, **how))
    for sampling in ("shuffle", "poisson"):  # at a sampling rate of 1
        private = trained(replace(NO_NOISE, sampling=sampling, **how))
        assert torch.allclose(private.after, plain.after, atol=1e-6)
        assert private.loss == pytest.approx(plain.loss, rel=1e-5)
    assert not torch.allclose(plain.after, read_vector(network()), atol=1e-2)


def test_without_noise_and_bound_on_small_batches_it_is_sgd_on_the_same_batches():
    private = trained(replace(NO_NOISE, sampling="shuffle", l2_norm_bound=math.inf))
    module, (features, labels) = network(), shard().tensors()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    rng = streams()("batches")
    torch.randint(2**62, (1,), generator=rng)  # the module's own seed
    for rows in draw_batches(
        NUM_ROWS,
        batch_size=4,
        num_steps=6,
        sampling="shuffle",
        uniforms=lambda count: torch.rand(count, generator=rng, dtype=torch.float64),
    ):
        optimizer.zero_grad()
        functional.cross_entropy(module(features[rows]), labels[rows]).backward()
        optimizer.step()
    assert torch.allclose(private.after, read_vector(module), atol=1e-6)


def test_the_bound_and_the_noise_each_change_where_it_ends():
    free = trained(NO_NOISE).after
    bounded = trained(replace(NO_NOISE, l2_norm_bound=0.01)).after
    noisy = trained(replace(PRIVATE, l2_norm_bound=0.01)).after
    assert not torch.allclose(free, bounded, atol=1e-3)
    assert not torch.allclose(bounded, noisy, atol=1e-4)
    # Six steps of at most alpha * C each (a Poisson batch of 4 has 12 rows at most).
    start = read_vector(network())
    assert float((bounded - start).norm()) <= 6 * 0.1 * 0.01 * 12 / 4 + 1e-6


def test_a_turn_is_repeated_bit_for_bit_and_another_turn_is_another():
    one, again, other = trained(PRIVATE), trained(PRIVATE), trained(PRIVATE, turn=1)
    assert torch.equal(one.after, again.after)
    assert not torch.equal(one.after, other.after)


def test_noise_and_batches_come_from_streams_of_their_own():
    # The same batches under another bound on the noise: what differs is noise alone.
    quiet = trained(replace(PRIVATE, noise_multiplier=1e-6)).after
    silent = trained(replace(PRIVATE, noise_multiplier=0.0)).after
    assert torch.allclose(quiet, silent, atol=1e-5)
    assert not torch.equal(quiet, silent)


def test_secure_noise_and_sampling_cannot_be_repeated():
    secure = [trained(PRIVATE, has_secure_noise=True).after for _ in range(2)]
    assert not torch.equal(*secure)
    # Without noise the batches alone differ: sampling is secret too.
    sampled = [trained(NO_NOISE, has_secure_noise=True).after for _ in range(2)]
    assert not torch.equal(*sampled)


def test_the_cosine_tells_how_much_of_the_step_was_signal():
    assert trained(PLAIN).cosine is None
    assert trained(NO_NOISE).cosine == 1.0
    loud = trained(replace(PRIVATE, noise_multiplier=100.0)).cosine
    quiet = trained(replace(PRIVATE, noise_multiplier=0.01)).cosine
    assert 0 <= loud < 0.1 and 0.9 < quiet <= 1


@pytest.mark.parametrize("training", [PLAIN, PRIVATE])
def test_the_start_is_where_it_starts(training):
    start = torch.zeros(read_vector(network()).numel())
    before = start.clone()
    after = trained(training, start=start, learning_rate=1e-6).after
    assert torch.allclose(after, before, atol=1e-4)
    assert torch.equal(start, before)


@pytest.mark.parametrize("training", [PLAIN, PRIVATE])
def test_training_that_runs_away_is_told(training):
    with pytest.raises(DivergedTraining, match="NaN or infinite"):
        trained(replace(training, weight_decay=1e5), learning_rate=1e30)


def test_copies_of_a_row_share_its_bound():
    images = torch.rand(NUM_ROWS, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    data = Dataset("tiny", images, torch.arange(NUM_ROWS) % 3, ("a", "b", "c"), (), ())
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    start = read_vector(module)
    after = train(
        Shard(data, torch.arange(NUM_ROWS), Normalisation("none")),
        start,
        module=module,
        training=replace(PRIVATE, noise_multiplier=0.0, num_steps=1, batch_size=NUM_ROWS),
        learning_rate=1.0,
        streams=streams(),
        has_secure_noise=False,
        augmentation=Augmentation(shift=0.2, flip=True),
        augmentations=3,
        device="cpu",
    ).after
    assert 0 < float((after - start).norm()) <= 1.0 + 1e-6
    write_vector(module, start)  # the module was trained in place; the start was not
    assert torch.equal(read_vector(module), start)
