"""Every plan of every experiment still makes sense, and at toy size some of them run."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.data.catalogue import OFFICIAL_SETS
from tithe.data.datasets import load
from tithe.reproduction.figures import rebuilt_figures
from tithe.reproduction.grid import experiment_names, experiments_folder, jobs_of
from tithe.reproduction.stand_in import rows
from tithe.reproduction.toy import toy
from tithe.reproduction.trial import tried, try_out

FOLDER = experiments_folder()
QUICK = {
    ("private-figure", "as printed, theta_u 0.1, epsilon 10^4 a turn"),
    ("imbalance", "private, oversampling"),
}


@pytest.mark.parametrize("name", experiment_names(FOLDER))
def test_every_entry_of_every_grid_is_a_plan_and_a_plan_at_toy_size(name):
    for job in jobs_of(FOLDER / name):
        small = toy(job.load())
        assert small.exchange.rounds == 1 and small.training.local_steps == 1
        assert small.data.set == "digits" or small.data.set.startswith("python:tithe")


@pytest.mark.parametrize(("experiment", "label"), sorted(QUICK))
def test_some_runs_still_run_at_toy_size(experiment, label):
    job = next(job for job in jobs_of(FOLDER / experiment) if job.label == label)
    assert "together" in tried(job)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_published_figures_can_still_be_rebuilt_at_toy_size():
    assert len(list(try_out(rebuilt_figures(FOLDER)))) > 20


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", experiment_names(FOLDER))
def test_every_entry_of_every_grid_runs_at_toy_size(name):
    first = {job.label: job for job in reversed(jobs_of(FOLDER / name))}
    for job in first.values():
        tried(job)


def test_a_run_that_no_longer_works_is_named(experiments):
    plan = experiments / "small" / "plan.toml"
    plan.write_text(plan.read_text().replace("digits-mlp", "mnist-cnn"))
    with pytest.raises(BadInput, match="small, 'all of it': no longer runs at toy size"):
        tried(jobs_of(experiments / "small")[2])


@pytest.mark.parametrize("name", ["cifar10", "adult", "sst2", "mnist"])
def test_made_up_rows_have_the_classes_and_constants_of_the_real_set(name):
    made = rows(like=name, train_rows_a_class=3, test_rows_a_class=1)
    official = OFFICIAL_SETS[name]
    assert made.train.class_names == official.class_names
    assert (made.train.mean, made.test.std) == (official.mean, official.std)
    assert made.train.labels.bincount().tolist() == [3] * len(official.class_names)


@pytest.mark.parametrize("name", ["wdbc", "sms-spam", "pneumonia-mnist"])
def test_made_up_rows_have_the_shape_and_type_of_real_ones(name, data_root):
    made = rows(like=name, train_rows_a_class=1, test_rows_a_class=1).train
    real = load(name, root=data_root, offline=True).train
    assert made.features.shape[1:] == real.features.shape[1:]
    assert made.features.dtype == real.features.dtype
