"""Shadow models: trained once, kept, resumed, and refused where they belong to something else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tithe.audit.shadow_models import fingerprint, train_shadows
from tithe.audit.signals import signals_of_model
from tithe.audit.trained_model import (
    audit_membership,
    slices,
    torch_training,
    train_module,
)
from tithe.checks import BadInput
from tithe.learning.local import LocalTraining

POOL = 6


def counting(trained):
    """A training that says which rows it saw, and remembers how often it was called."""

    def train(rows, seed):
        trained.append(seed)
        told = np.full(POOL + 2, float(seed))
        told[rows] += 100
        return told

    return train


def test_every_model_tells_of_the_rows_it_saw_and_of_the_others():
    found = train_shadows(
        counting([]), pool_size=POOL, count=4, seed=7, recipe="r", num_processes=1
    )
    assert found.log_odds.shape == (4, POOL) and found.others.shape == (4, 2)
    assert ((found.log_odds > 50) == found.is_in).all()
    assert found.first(2).is_in.shape == (2, POOL)


def test_an_interrupted_audit_goes_on_where_it_stopped(tmp_path):
    trained = []
    options = {"pool_size": POOL, "seed": 7, "recipe": {"net": 1}, "folder": tmp_path / "kept"}
    first = train_shadows(counting(trained), count=2, num_processes=1, **options)
    more = train_shadows(counting(trained), count=4, num_processes=1, **options)
    assert trained == [8, 9, 10, 11]
    np.testing.assert_array_equal(more.log_odds[:2], first.log_odds)
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_processes_give_what_one_gives(tmp_path):
    options = {"pool_size": POOL, "count": 4, "seed": 7, "recipe": 1}
    one = train_shadows(counting([]), num_processes=1, **options)
    two = train_shadows(counting([]), num_processes=2, **options)
    np.testing.assert_array_equal(one.log_odds, two.log_odds)


def test_models_of_another_recipe_and_damaged_files_are_refused(tmp_path):
    options = {"pool_size": POOL, "count": 2, "seed": 7, "folder": tmp_path, "num_processes": 1}
    train_shadows(counting([]), recipe="one", **options)
    with pytest.raises(BadInput, match="another recipe, pool or seed"):
        train_shadows(counting([]), recipe="other", **options)
    (tmp_path / "shadow-0001.npy").write_bytes(b"no array")
    with pytest.raises(BadInput, match=r"shadow-0001.npy is damaged"):
        train_shadows(counting([]), recipe="one", **options)


def test_a_training_that_forgets_records_is_refused():
    with pytest.raises(BadInput, match="at least the 6 records"):
        train_shadows(
            lambda rows, seed: np.zeros(3), pool_size=POOL, count=2, seed=1, recipe=1,
            num_processes=1,
        )  # fmt: skip


def blobs(num_rows, *, seed):
    """Rows that no network of few parameters can tell apart, so that it learns them by heart."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(num_rows, 20, generator=rng), torch.randint(4, (num_rows,), generator=rng)


def build(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))


def test_a_network_that_learnt_its_rows_by_heart_is_told_from_start_to_end():
    features, labels = blobs(300, seed=1)
    took_part = np.arange(200) % 2 == 0
    training = LocalTraining(batch_size=20, local_epochs=40)
    own = torch.from_numpy(np.flatnonzero(took_part))
    options = {"training": training, "learning_rate": 0.2}
    module = train_module(build(99), features[own], labels[own], seed=99, **options)
    shadows = train_shadows(
        torch_training(build, features, labels, pool_size=200, **options),
        pool_size=200, count=4, seed=1, recipe=fingerprint(features, labels), num_processes=1,
    )  # fmt: skip
    audit = audit_membership(
        signals_of_model(module, features[:200], labels[:200]),
        took_part,
        shadows=shadows,
        population=signals_of_model(module, features[200:], labels[200:]),
    )
    found = audit.separations()
    assert set(found) == {
        "loss", "entropy", "modified entropy", "population", "LiRA offline", "LiRA online", "RMIA",
    }  # fmt: skip
    assert found["loss"].auc > 0.9 and found["LiRA online"].auc > 0.9
    assert found["LiRA online"].named.p_value < 1e-6
    by_part = slices(audit, "loss", smallest=5)
    assert {"class 0", "class 3"} <= set(by_part)


def test_what_was_not_tried_is_said_with_its_reason():
    features, labels = blobs(10, seed=1)
    audit = audit_membership(signals_of_model(build(1), features, labels), np.arange(10) % 2 == 0)
    assert audit.not_tried["LiRA online"] == "it needs shadow models"
    with pytest.raises(BadInput, match="'population' was not tried: it needs records that nobody"):
        audit.of("population")
    with pytest.raises(BadInput, match="they must be of the same records"):
        audit_membership(signals_of_model(build(1), features, labels), np.ones(9, dtype=bool))
