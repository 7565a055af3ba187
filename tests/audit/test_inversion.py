"""Inversion, property inference and exposure: what they find, and where they must say no."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tithe.audit.exposure import exposure_by_fit, exposure_by_rank
from tithe.audit.gradient_inversion import Recipe, invert_upload, judge_inversion
from tithe.audit.model_inversion import invert_classes
from tithe.audit.property_inference import train_observer, try_observer
from tithe.checks import BadInput
from tithe.learning.flat import read_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.sharing.stages import Coins, keep_largest
from tithe.sharing.update import everything


def smooth_network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 24), nn.Sigmoid(), nn.Linear(24, 3))


def upload(rows, labels, *, theta, batch_size):
    module = smooth_network()
    before = read_vector(module)
    rng = torch.Generator().manual_seed(1)
    train_locally(
        module, rows, labels, training=LocalTraining(batch_size=batch_size), learning_rate=0.1,
        rng=rng,
    )  # fmt: skip
    return keep_largest(theta_u=theta)(everything(read_vector(module) - before), Coins(rng, rng))[0]


def pictures(num_rows):
    rows = torch.rand(num_rows, 1, 6, 6, generator=torch.Generator().manual_seed(5))
    return nn.functional.avg_pool2d(rows, 3, stride=1, padding=1), torch.arange(num_rows) % 3


@pytest.mark.parametrize("theta", [1.0, 0.3])
def test_one_record_is_rebuilt_from_the_coordinates_sent(theta):
    rows, labels = pictures(1)
    found = invert_upload(
        smooth_network(), upload(rows, labels, theta=theta, batch_size=1), labels,
        shape=(1, 6, 6), recipe=Recipe(0.1, ((0,),)), num_steps=150,
        rng=torch.Generator().manual_seed(2),
    )  # fmt: skip
    judged = judge_inversion(found, rows, control=torch.rand(1, 1, 6, 6))
    assert judged.alike[0] > 0.8
    assert judged.is_feasible
    assert "rebuilt" in judged.in_words()


def test_an_inversion_that_is_no_better_than_its_control_says_so():
    rows, labels = pictures(12)
    update = upload(rows, labels, theta=0.05, batch_size=12)
    found = invert_upload(
        smooth_network(), update, labels, shape=(1, 6, 6),
        recipe=Recipe(0.1, (tuple(range(12)),)), num_steps=10,
        rng=torch.Generator().manual_seed(2),
    )  # fmt: skip
    judged = judge_inversion(found, rows, control=rows + 0.05)
    assert not judged.is_feasible
    assert judged.in_words().startswith("not feasible here")


def test_nothing_sent_and_a_recipe_that_does_not_fit_are_refused():
    rows, labels = pictures(1)
    update = upload(rows, labels, theta=1.0, batch_size=1)
    options = {"shape": (1, 6, 6), "rng": torch.Generator().manual_seed(2)}
    with pytest.raises(BadInput, match="beyond the 1 that have labels"):
        invert_upload(smooth_network(), update, labels, recipe=Recipe(0.1, ((1,),)), **options)
    nothing = update.take(torch.arange(0))
    with pytest.raises(BadInput, match="nothing to invert"):
        invert_upload(smooth_network(), nothing, labels, recipe=Recipe(0.1, ((0,),)), **options)


def test_inputs_of_each_class_are_found_within_their_range():
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        module[1].weight.copy_(8 * torch.eye(3, 4))
        module[1].bias.zero_()
    found = invert_classes(module, shape=(1, 2, 2), num_classes=3)
    assert found.inputs.flatten(1)[:, :3].argmax(dim=1).tolist() == [0, 1, 2]
    assert (found.confidence > 0.9).all()
    assert found.inputs.min() >= 0 and found.inputs.max() <= 1


def turn_with(kind, seed, *, lean=2.0):
    """A turn on eight pictures; with the property, one corner of each is lit."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.rand(8, 1, 6, 6, generator=rng)
    rows[:, :, :2, :2] += lean * kind
    return upload(rows, torch.randint(3, (8,), generator=rng), theta=1.0, batch_size=8)


def test_a_property_of_all_records_is_told_from_uploads_and_its_absence_is_not():
    observer = train_observer(turn_with, num_rehearsals=25, seed=1)
    told = try_observer(observer, turn_with, num_tests=10, num_turns=2, seed=10_000)
    assert told.auc > 0.8
    nothing = try_observer(
        observer, lambda kind, seed: turn_with(False, seed), num_tests=10, num_turns=2, seed=20_000
    )
    assert nothing.auc_low < 0.6


def test_exposure_by_hand():
    losses = np.arange(1024.0)
    assert exposure_by_rank(0.0, losses) == 10.0
    assert exposure_by_rank(1023.0, losses) == 0.0
    assert exposure_by_rank(255.0, losses) == 2.0


def test_exposure_of_a_secret_like_all_others_is_small_and_of_an_outlier_is_capped():
    losses = np.random.default_rng(1).normal(10, 1, 500)
    assert exposure_by_fit(10.0, losses, space=1e9) == pytest.approx(1.0, abs=0.3)
    assert exposure_by_fit(6.9, losses, space=1e9) == pytest.approx(10, abs=3)
    assert exposure_by_fit(-50.0, losses, space=1e9) == pytest.approx(np.log2(1e9))
    with pytest.raises(BadInput, match="at least 100 losses"):
        exposure_by_fit(1.0, losses[:50], space=10)
