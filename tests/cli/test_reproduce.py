"""``tithe reproduce``: the list, one figure run again, and all at toy size."""

from __future__ import annotations

import json

import pytest

from tests.reproduction.small_experiment import write_small


@pytest.fixture
def experiments(tmp_path):
    """One experiment, ``small``, of which nothing was run."""
    return write_small(tmp_path)


@pytest.fixture
def reproduce(tithe, experiments, monkeypatch):
    """Calls the command on a small folder of experiments."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: tithe("reproduce", *words, "--experiments", str(experiments))


def test_without_a_name_all_figures_are_listed_and_how_sure_each_is(reproduce):
    result = reproduce()
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "91.50" in lines["tenth"] and "recalled" in lines["tenth"]
    assert lines["tenth"].rstrip().endswith("-")


def test_json_has_everything_that_a_script_may_want(reproduce):
    figures = json.loads(reproduce("--json").stdout)["figures"]
    assert figures[0]["command"] == "tithe reproduce tenth"
    assert (figures[0]["theirs"], figures[0]["ours"], figures[0]["results"]) == (91.5, None, 0)


def test_one_figure_is_run_again_and_set_beside_theirs(reproduce, experiments):
    first = reproduce("tenth", "--quiet")
    assert first.exit_code == 0, first.output
    last = first.stdout.splitlines()[-1]
    assert last.startswith("tenth: ") and "- stored" in last and "theirs (recalled)" in last
    assert not (experiments / "small" / "results").exists()
    again = reproduce("tenth", "--quiet")  # what is done is not done again
    assert again.stdout.splitlines() == [last]


def test_a_run_of_another_plan_in_its_place_is_refused(reproduce, experiments):
    assert reproduce("tenth", "--quiet").exit_code == 0
    plan = experiments / "small" / "plan.toml"
    plan.write_text(plan.read_text().replace("rounds = 1", "rounds = 2"))
    result = reproduce("tenth", "--quiet")
    assert result.exit_code == 2
    assert "holds a run of another plan (exchange.rounds = 1, not 2)" in result.output


def test_toy_size_says_that_it_means_nothing(reproduce):
    result = reproduce("--quick")
    assert result.exit_code == 0, result.output
    assert "1 of 1 still run; at toy size the figures mean nothing." in result.stdout


def test_an_unknown_name_is_refused_with_the_nearest(reproduce):
    result = reproduce("tneth")
    assert result.exit_code == 2
    assert "did you mean 'tenth'" in result.output


def test_the_page_is_written_where_one_says(reproduce, tmp_path):
    result = reproduce("--page", "here")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "here" / "results.html").exists()
