"""What is kept of a run is what the run's record says."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.experiment import run_experiment
from tithe.record import read_run
from tithe.reproduction.grid import jobs_of
from tithe.reproduction.results import (
    last_accuracies,
    read_result,
    result_of,
    results_by_label,
    spent,
    write_result,
)


def test_a_finished_run_is_kept_and_read_back(experiments, tmp_path):
    job = jobs_of(experiments / "small")[0]
    run_experiment(job.load(), tmp_path / "run")
    result = result_of(job, tmp_path / "run", command="tithe run")
    write_result(job.result, result)
    (kept,) = results_by_label(jobs_of(experiments / "small"))[job.label]
    assert kept["turns"] == {"shared": 2} and kept["participants"] == 2
    record = read_run(tmp_path / "run")
    last = [line for line in record.evaluations if line.phase == "joint"][-1]
    assert last_accuracies(kept, "joint") == [last.accuracy]
    assert kept["classes"]["joint"]["recalls"] == list(last.recalls)
    assert len(last_accuracies(kept, "standalone")) == 1
    assert spent(kept) is None


def test_an_unfinished_run_is_not_kept(experiments, tmp_path):
    job = jobs_of(experiments / "small")[0]
    run_experiment(job.load(), tmp_path / "run")
    (tmp_path / "run" / "summary.json").unlink()
    with pytest.raises(BadInput, match="got one that is under way"):
        result_of(job, tmp_path / "run", command="")


def test_a_damaged_result_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(BadInput, match=r"x\.json is damaged"):
        read_result(tmp_path / "x.json")
    with pytest.raises(BadInput, match="could not be read"):
        read_result(tmp_path / "none.json")
