"""Theirs and ours meet: ours comes from stored results alone."""

from __future__ import annotations

import json

import pytest

from tests.reproduction.small_experiment import stored
from tithe.checks import BadInput
from tithe.reproduction.figures import EPSILONS, chosen, rebuilt_figures
from tithe.reproduction.grid import experiments_folder, jobs_of
from tithe.reproduction.results import write_result


def keep(experiments, *results):
    for job in jobs_of(experiments / "small"):
        for result in results:
            if (job.label, job.seed) == (result["label"], result["seed"]):
                write_result(job.result, result)


def test_ours_is_the_mean_of_the_seeds_that_were_run(experiments):
    before = rebuilt_figures(experiments)
    assert [(each.figure.name, each.ours) for each in before] == [("tenth", None), ("alone", None)]
    keep(
        experiments,
        stored("a tenth, shared", 1, [0.1, 0.8]),
        stored("a tenth, shared", 2, [0.1, 0.9]),
    )
    tenth, alone = rebuilt_figures(experiments)
    assert tenth.ours == pytest.approx(85.0) and tenth.num_results == 2
    assert tenth.command == "tithe reproduce tenth"
    assert alone.ours == pytest.approx(50.0)
    assert (tenth.theirs, alone.theirs) == (91.5, pytest.approx(93.9))


def test_epsilons_come_from_the_table_that_the_experiment_keeps(experiments):
    catalogue = experiments / "small" / "figures.toml"
    catalogue.write_text(
        '[[figure]]\nname = "cost"\nsource = "article"\nwhat = "w"\nunit = "epsilon"\n'
        'theirs = 3.44\nsure = "printed"\nours = { training = "even", noise = 1.0, way = "pld" }\n'
    )
    assert rebuilt_figures(experiments)[0].ours is None
    table = experiments / "small" / EPSILONS
    table.parent.mkdir()
    table.write_text(json.dumps({"even": [{"noise": 1.0, "pld": 2.75}]}))
    assert rebuilt_figures(experiments)[0].ours == 2.75


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('label = "a tenth, shared" }', 'label = "a fifth" }', "must be an entry of the grid"),
        ('"recalled"', '"dreamt"', "figure.0.sure"),
        ('"alone"', '"tenth"', "two called 'tenth'"),
        ('["standalone"]', '["standing"]', "has no 'standing'"),
        ("[[figure]]", "[[figure]", "is damaged"),
    ],
)
def test_a_catalogue_that_is_wrong_is_refused_in_a_sentence(experiments, before, after, told):
    path = experiments / "small" / "figures.toml"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(BadInput, match=told):
        rebuilt_figures(experiments)


def test_a_name_is_a_figure_or_an_experiment(experiments):
    found = rebuilt_figures(experiments)
    assert [each.figure.name for each in chosen(found, "alone")] == ["alone"]
    assert len(chosen(found, "small")) == 2
    with pytest.raises(BadInput, match="did you mean 'tenth'"):
        chosen(found, "tehth")


def test_every_figure_of_this_checkout_says_what_it_is_and_how_sure():
    found = rebuilt_figures(experiments_folder())
    assert {each.figure.source for each in found} == {"paper", "article"}
    assert {each.figure.sure for each in found} == {"printed", "read off a plot", "recalled"}
    ours = {each.figure.name: each.ours for each in found}
    assert ours["cnn-size"] == 105_506
    assert ours["epsilon-noise-1"] == pytest.approx(3.44, abs=5e-3)
