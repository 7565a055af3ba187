"""Figures of single classes: shown where classes are of unequal size, and only there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.html_checks import check
from tests.test_record import ABOUT, EVALUATION
from tithe.record import RunWriter, read_run
from tithe.report.class_figures import class_cards, class_figures, recall_by_class
from tithe.report.facts import Facts
from tithe.report.page import write_page

BALANCED = replace(EVALUATION, balanced_accuracy=0.5, recalls=(0.5, 0.5, 0.5))
SKEWED = replace(EVALUATION, balanced_accuracy=0.3, recalls=(0.6, 0.0, None))


def run(directory: Path, *lines, plan='name = "a run"\n') -> Path:
    writer = RunWriter.create(directory, plan_toml=plan, about=ABOUT)
    for line in lines:
        writer.evaluation(line)
    writer.close()
    return directory


def facts_of(directory: Path) -> Facts:
    return Facts(read_run(directory))


def test_equal_classes_and_old_records_show_nothing(tmp_path):
    for name, line in (("equal", BALANCED), ("old", EVALUATION)):
        facts = facts_of(run(tmp_path / name, line))
        assert recall_by_class(facts) is None
        assert class_cards(facts) == []


def test_unequal_test_classes_are_drawn_and_listed(tmp_path):
    directory = run(tmp_path / "run", SKEWED)
    (tmp_path / "run" / "model.json").write_text(
        json.dumps({"class_names": ["well", "<ill>", "unseen"]})
    )
    picture = recall_by_class(facts_of(directory))
    assert picture is not None and picture.table is not None
    assert picture.table.rows == (
        ("well", "60.00\N{NO-BREAK SPACE}%"),
        ("<ill>", "0.00\N{NO-BREAK SPACE}%"),
        ("unseen", "no test row"),
        ("all alike", "30.00\N{NO-BREAK SPACE}%"),
    )
    assert list(picture.figure.data[0].x) == ["well", "&lt;ill&gt;", "unseen"]
    (card,) = class_cards(facts_of(directory))
    assert card.value == "30.00\N{NO-BREAK SPACE}%" and "worst is <ill> at 0.00" in card.note


@pytest.mark.parametrize(
    "plan", ['[balance]\nmethod = "smote"\n', "[balance]\nclass_rows = [3, 1, 1]\n"]
)
def test_a_plan_about_classes_shows_them_even_where_the_test_is_even(tmp_path, plan):
    facts = facts_of(run(tmp_path / "run", BALANCED, plan=plan))
    assert recall_by_class(facts) is not None


def test_those_who_train_alone_are_shown_as_their_mean(tmp_path):
    alone = [
        replace(SKEWED, phase=f"standalone-{i}", participant=i, recalls=recalls)
        for i, recalls in enumerate([(0.5, 0.1, None), (0.7, 0.3, None)])
    ]
    found = class_figures(facts_of(run(tmp_path / "run", SKEWED, *alone)))
    assert [each.phase for each in found] == ["joint", "standalone"]
    assert found[1].recalls == (pytest.approx(0.6), pytest.approx(0.2), None)


def test_only_the_last_round_counts(tmp_path):
    later = replace(SKEWED, round=2, recalls=(0.9, 0.1, None), balanced_accuracy=0.5)
    (found,) = class_figures(facts_of(run(tmp_path / "run", SKEWED, later)))
    assert found.recalls == (0.9, 0.1, None)


def test_the_page_has_the_section_and_the_card(tmp_path):
    page = check(write_page(run(tmp_path / "run", SKEWED)).read_text(encoding="utf-8"))
    assert "How well each class is told" in page.said
    assert "Balanced accuracy" in page.said
    assert "classes" in page.figures()
