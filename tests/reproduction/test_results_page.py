"""The results page says what stored results say, and nothing else."""

from __future__ import annotations

import pytest

from tests.reproduction.small_experiment import stored
from tests.reproduction.test_figures import keep
from tithe.report.canvas import Table
from tithe.reproduction.grid import experiments_folder, jobs_of
from tithe.reproduction.page import write_results
from tithe.reproduction.tables import class_table, in_markdown, run_table
from tithe.reproduction.wording import value_of


@pytest.fixture
def run_before(experiments):
    """Three results: two seeds of one entry, and a private one that tells classes apart."""
    keep(
        experiments,
        stored("a tenth, shared", 1, [0.1, 0.6, 0.8]),
        stored("a tenth, shared", 2, [0.1, 0.7, 0.9]),
        stored("all of it", 7, [0.1, 0.5], recalls=[1.0, None, 0.125], epsilon=2.5),
    )
    return experiments


def test_a_run_table_has_the_mean_and_spread_of_the_seeds(run_before):
    rows = run_table(jobs_of(run_before / "small")).rows
    assert rows[0][:4] == ("a tenth, shared", "85.00\N{NO-BREAK SPACE}% ± 7.07", "1, 2", "2")
    assert rows[1][0] == "a tenth, shared, alone" and "50.00" in rows[1][1]
    assert rows[2][0] == "all of it" and rows[2][4] == "2.5"


def test_a_class_table_has_a_recall_for_each_class(run_before):
    table = class_table(jobs_of(run_before / "small"))
    assert table.head[3:] == ("class 0", "class 1", "class 2", "total epsilon")
    assert [row[3:] for row in table.rows] == [("100", "-", "12", "2.5")]


def test_data_of_fewer_classes_keep_their_epsilon_in_its_column(experiments):
    keep(
        experiments,
        stored("a tenth, shared", 1, [0.1, 0.6], recalls=[0.75, 0.5], epsilon=1.25),
        stored("all of it", 7, [0.1, 0.5], recalls=[1.0, 0.25, 0.125], epsilon=2.5),
    )
    rows = class_table(jobs_of(experiments / "small")).rows
    assert [row[3:] for row in rows] == [("75", "50", "", "1.25"), ("100", "25", "12", "2.5")]


def test_the_page_is_one_file_with_every_figure_and_the_markdown_says_the_same(
    run_before, tmp_path
):
    html, markdown = write_results(run_before, tmp_path / "page")
    page, text = html.read_text(), markdown.read_text()
    for said in ("digits, a tenth shared", "91.50", "85.00", "recalled", "read off a plot"):
        assert said in page and said in text
    assert "default-src 'none'" in page and "src=" not in page.split("<body>")[1][:2000]
    assert "tenth: ours on digits." in text


def test_what_was_not_run_is_a_dash_and_no_number(experiments, tmp_path):
    _, markdown = write_results(experiments, tmp_path)
    line = next(line for line in markdown.read_text().splitlines() if "a tenth shared" in line)
    assert "| - | 0 |" in line


def test_docs_results_is_what_the_stored_results_say(tmp_path):
    _, markdown = write_results(experiments_folder(), tmp_path)
    kept = experiments_folder().parent / "docs" / "results.md"
    assert kept.read_text(encoding="utf-8") == markdown.read_text(encoding="utf-8"), (
        "docs/results.md is older than the results in experiments; `make results` writes it anew"
    )


def test_a_bar_in_a_cell_does_not_break_a_markdown_table():
    assert in_markdown(Table(("a",), (("x|y",),)))[-1] == "| x/y |"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (99.137, "%", "99.14\N{NO-BREAK SPACE}%"),
        (3.4407, "epsilon", "3.441"),
        (105506.0, "parameters", "105,506"),
        (None, "%", "-"),
    ],
)
def test_a_value_is_said_in_its_unit(value, unit, said):
    assert value_of(value, unit) == said
