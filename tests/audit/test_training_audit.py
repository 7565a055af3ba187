"""The audit of private training: sound code passes, every planted fault is caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tithe.audit.canaries import canary_loss, canary_values, with_canaries
from tithe.audit.training_audit import audit_training, events_of
from tithe.checks import BadInput
from tithe.learning.dp_sgd import PrivateTraining, train_privately
from tithe.learning.flat import read_vector
from tithe.learning.models import build_model
from tithe.privacy.calibrate import calibrated_noise_multiplier
from tithe.sharing.stages import keep_largest

NUM_CANARIES, NUM_ROWS, RATE, DELTA = 1000, 200, 0.1, 1e-5


def rows(num_rows=NUM_ROWS):
    rng = torch.Generator().manual_seed(3)
    labels = torch.randint(10, (num_rows,), generator=rng)
    features = torch.rand(num_rows, 1, 8, 8, generator=rng) + 0.1 * labels.view(-1, 1, 1, 1)
    return features, labels


def training_for(epsilon, *, num_steps=100, rate=RATE, charged_rate=None):
    stddev = calibrated_noise_multiplier(
        epsilon=epsilon,
        delta=DELTA,
        sampling_rate=charged_rate or rate,
        num_steps=num_steps,
        relation="zero_out",
    )
    return PrivateTraining(
        batch_size=round(rate * (NUM_ROWS + NUM_CANARIES)),
        num_steps=num_steps,
        noise_multiplier=stddev,
        l2_norm_bound=1.0,
    )


def audited(training, *, seed=1, module=None, **options):
    features, labels = rows()
    module = module or build_model("digits-mlp", num_classes=10, seed=1)
    given = {"delta": DELTA, "num_canaries": NUM_CANARIES, "learning_rate": 0.1, **options}
    return audit_training(module, features, labels, training=training, seed=seed, **given)


# ------------------------------------------------------------------ what a canary is


def test_a_canary_that_took_part_moves_its_weight_by_the_bound_and_nothing_else():
    features, labels = rows(20)
    module = build_model("digits-mlp", num_classes=10, seed=1)
    canaried = with_canaries(
        module, features, labels, num_canaries=30, rng=torch.Generator().manual_seed(2)
    )
    training = PrivateTraining(
        batch_size=len(canaried), num_steps=1, noise_multiplier=0.0, l2_norm_bound=0.5
    )
    train_privately(
        canaried.module,
        canaried.features,
        canaried.labels,
        training=training,
        learning_rate=len(canaried),
        rng=torch.Generator().manual_seed(1),
        normal=torch.randn,
        loss=canary_loss,
    )
    moved = canary_values(read_vector(canaried.module), num_canaries=30)
    torch.testing.assert_close(moved, 0.5 * torch.from_numpy(canaried.took_part).float())
    alone = build_model("digits-mlp", num_classes=10, seed=1)
    train_privately(
        alone,
        features,
        labels,
        training=replace(training, batch_size=20),
        learning_rate=20.0,
        rng=torch.Generator().manual_seed(1),
        normal=torch.randn,
    )
    torch.testing.assert_close(read_vector(alone), read_vector(module), rtol=1e-4, atol=1e-5)


def test_coins_are_fair_and_their_outcome_changes_neither_rows_nor_sampling_rate():
    features, labels = rows(20)
    shares = []
    for seed in range(20):
        canaried = with_canaries(
            nn.Flatten(),
            features,
            labels,
            num_canaries=400,
            rng=torch.Generator().manual_seed(seed),
        )
        assert len(canaried) == 420
        shares.append(canaried.took_part.mean())
    assert np.mean(shares) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(8000))


# ------------------------------------------------------------------ sound code


def test_the_audit_shows_much_of_a_claim_of_four_and_does_not_refute_it():
    found = audited(training_for(4.0, num_steps=300))
    assert found.claimed == pytest.approx(4.0, rel=0.15)
    assert 0.9 < found.shown < 2.4
    assert found.by_sum.ceiling > 4
    assert not found.is_rejected
    assert found.shown < found.gaussian.epsilon < found.claimed
    assert found.estimate == pytest.approx(3.7, rel=0.25)


def test_the_same_seed_gives_the_same_finding():
    training = training_for(2.0, num_steps=20)
    assert audited(training) == audited(training)


def test_without_noise_everything_is_shown_and_the_claim_is_infinite():
    found = audited(replace(training_for(4.0), noise_multiplier=0.0))
    assert found.claimed == float("inf")
    assert found.shown == pytest.approx(found.by_sum.ceiling, abs=0.1)
    assert not found.is_rejected


def test_sharing_the_largest_values_of_each_turn_shows_less_and_still_something():
    training = training_for(8.0, num_steps=10)
    dense, sparse = (
        audited(training, num_turns=5, share=share).by_sum.epsilon
        for share in (None, keep_largest(theta_u=0.1))
    )
    assert 0 < sparse < dense


# ------------------------------------------------------------------ planted faults


def test_noise_four_times_too_small_is_caught_at_a_tight_claim():
    training = training_for(1.0)
    weaker = replace(training, noise_multiplier=training.noise_multiplier / 4)
    found = audited(weaker, claim=events_of(training, num_rows=NUM_ROWS + NUM_CANARIES))
    assert found.is_rejected
    assert not audited(training).is_rejected


def test_an_accountant_that_is_fed_another_sampling_rate_is_caught():
    wrong = training_for(1.0, charged_rate=RATE / 10)
    charged = [
        replace(event, sampling_rate=RATE / 10)
        for event in events_of(wrong, num_rows=NUM_ROWS + NUM_CANARIES)
    ]
    assert audited(wrong, claim=charged).is_rejected


def test_gradients_that_are_not_clipped_are_caught(monkeypatch):
    training = training_for(1.0)
    monkeypatch.setattr(
        "tithe.learning.per_example.clipping.clip_factors",
        lambda norms, *, l2_norm_bound, clipping: torch.full_like(norms, 0.1),
    )
    assert audited(training).is_rejected


def test_noise_that_is_used_again_in_every_step_is_caught():
    drawn = {}

    def again(count):
        if count not in drawn:
            drawn[count] = torch.randn(count, generator=torch.Generator().manual_seed(5))
        return drawn[count]

    found = audited(training_for(1.0), noise=again)
    assert found.by_steps.epsilon > found.by_sum.epsilon
    assert found.is_rejected


def test_an_audit_that_no_longer_sees_the_steps_is_an_error(monkeypatch):
    monkeypatch.setattr(
        "tithe.learning.noisy_step.NoisyStep.finish", lambda self, normal: torch.tensor(0.0)
    )
    with pytest.raises(RuntimeError, match="no longer watches"):
        audited(training_for(1.0, num_steps=5))


# ------------------------------------------------------------------ refusals


def test_shuffled_batches_need_a_claim_of_their_own():
    training = replace(training_for(1.0, num_steps=5), sampling="shuffle")
    with pytest.raises(BadInput, match='needs sampling "poisson"'):
        audited(training)


def test_a_bound_that_canaries_might_not_reach_is_refused():
    training = replace(training_for(1.0, num_steps=5), l2_norm_bound=1e4)
    with pytest.raises(BadInput, match="l2_norm_bound must be at most 100"):
        audited(training)
