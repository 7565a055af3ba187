"""A grid is read as it is written, and says what is wrong with it."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.plan import BadPlan
from tithe.reproduction.grid import experiment_names, experiments_folder, jobs_of


def test_every_entry_has_a_job_for_each_of_its_seeds(experiments):
    jobs = jobs_of(experiments / "small")
    assert [(job.label, job.seed) for job in jobs] == [
        ("a tenth, shared", 1),
        ("a tenth, shared", 2),
        ("all of it", 7),
    ]
    assert jobs[0].overrides == ("training.batch_size=10", "sharing.theta_u=0.1", "seed=1")
    assert jobs[0].name == "a_tenth__shared-seed1"


def test_a_job_loads_its_plan_with_its_changes(experiments):
    plan = jobs_of(experiments / "small")[2].load()
    assert (plan.sharing.theta_u, plan.training.batch_size, plan.seed) == (1.0, 10, 7)


def test_a_change_that_the_plan_does_not_know_is_refused(experiments):
    grid = experiments / "small" / "grid.toml"
    grid.write_text('[[entry]]\nlabel = "x"\nset = ["sharing.theta_v=0.1"]\n')
    with pytest.raises(BadPlan, match="theta_u"):
        jobs_of(experiments / "small")[0].load()


def test_an_entry_without_a_label_is_refused(experiments):
    (experiments / "small" / "grid.toml").write_text("[[entry]]\nset = []\n")
    with pytest.raises(BadInput, match="must have a label"):
        jobs_of(experiments / "small")


def test_a_damaged_grid_is_named(experiments):
    (experiments / "small" / "grid.toml").write_text("[[entry]\n")
    with pytest.raises(BadInput, match=r"grid\.toml is damaged"):
        jobs_of(experiments / "small")


def test_a_folder_without_experiments_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(BadInput, match="--experiments must name the folder"):
        experiments_folder(tmp_path)


def test_the_experiments_of_this_checkout_are_found():
    assert {"mnist-all", "article-noise"} <= set(experiment_names(experiments_folder()))
