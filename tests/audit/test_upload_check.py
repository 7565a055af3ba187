"""The quick look at every upload: what stands alone, what is counted, and how fast that is."""

from __future__ import annotations

import time

import pytest
import torch

from tithe.audit.upload_check import UploadChecker
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.learning.models import build_model
from tithe.sharing.stages import Coins, keep_largest
from tithe.sharing.update import everything

NUM_CLASSES = 10


def rows(count, *, seed, size=8):
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % NUM_CLASSES
    kinds = torch.rand(NUM_CLASSES, size * size, generator=torch.Generator().manual_seed(0))
    pixels = 0.5 * kinds[labels] + torch.rand(count, size * size, generator=rng)
    return (pixels * (pixels > 0.8)).view(count, 1, size, size), labels


def upload(module, features, labels, *, batch_size, learning_rate, theta_u):
    before = read_vector(module)
    rng = torch.Generator().manual_seed(1)
    train_locally(
        module, features, labels, training=LocalTraining(batch_size=batch_size),
        learning_rate=learning_rate, rng=rng,
    )  # fmt: skip
    change = read_vector(module) - before
    write_vector(module, before)
    return keep_largest(theta_u=theta_u)(everything(change), Coins(rng, rng))[0], before


def looked_at(num_rows, *, batch_size, learning_rate, model="digits-mlp", skew=None):
    module = build_model(model, num_classes=NUM_CLASSES, seed=1)
    features, labels = rows(num_rows * 4, seed=1)
    kept = slice(num_rows) if skew is None else labels < skew
    features, labels = features[kept][:num_rows], labels[kept][:num_rows]
    update, before = upload(
        module, features, labels, batch_size=batch_size, learning_rate=learning_rate, theta_u=0.1
    )
    checker = UploadChecker(module, features, labels, *rows(100, seed=2), num_classes=NUM_CLASSES)
    num_steps = -(-num_rows // batch_size)
    return checker.check(
        update, before, learning_rate=learning_rate, batch_size=batch_size, num_steps=num_steps
    )


def test_a_single_record_stands_alone_and_strangers_do_not():
    check = looked_at(1, batch_size=1, learning_rate=0.1)
    assert (check.num_isolated, check.num_isolated_control) == (1, 0)
    assert check.num_records == check.num_looked_for == 1


def test_the_classes_of_a_skewed_participant_are_counted_and_the_guess_stands_beside():
    check = looked_at(60, batch_size=20, learning_rate=0.01, skew=3)
    assert sum(check.true_counts[:3]) == 60 == pytest.approx(sum(check.counts))
    assert check.share_miscounted < 0.1
    assert check.share_by_guess > 0.6


def test_a_network_without_a_linear_beginning_has_no_first_layer_to_look_at():
    check = looked_at(20, batch_size=20, learning_rate=0.01, model="digits-cnn")
    assert check.num_isolated is None and check.num_isolated_control is None
    assert check.counts is not None


def test_a_class_without_public_rows_leaves_the_counts_out():
    module = build_model("digits-mlp", num_classes=NUM_CLASSES, seed=1)
    features, labels = rows(20, seed=1)
    update, before = upload(
        module, features, labels, batch_size=20, learning_rate=0.01, theta_u=1.0
    )
    public, theirs = rows(50, seed=2)
    checker = UploadChecker(
        module, features, labels, public[theirs > 0], theirs[theirs > 0], num_classes=NUM_CLASSES
    )
    check = checker.check(update, before, learning_rate=0.01, batch_size=20, num_steps=1)
    assert check.counts is None and check.share_miscounted is None


def test_it_is_fast_enough_for_every_turn():
    """Goal: under 0.1 s at 105,506 parameters; here a generous multiple, for a busy machine."""
    module = build_model("mnist-cnn", num_classes=NUM_CLASSES, seed=1)
    size = read_vector(module).numel()
    assert size == 105_506
    public = rows(200, seed=2, size=32)
    checker = UploadChecker(module, *rows(600, seed=1, size=32), *public, num_classes=NUM_CLASSES)
    update = keep_largest(theta_u=0.1)(
        everything(torch.randn(size, generator=torch.Generator().manual_seed(1))),
        Coins(torch.Generator(), torch.Generator()),
    )[0]
    start = time.process_time()
    checker.check(update, read_vector(module), learning_rate=0.01, batch_size=8, num_steps=75)
    assert time.process_time() - start < 1.0
