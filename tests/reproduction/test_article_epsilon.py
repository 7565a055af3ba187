"""The article's old accountant gives what it printed, and today's give what they should."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.reproduction.article_epsilon import (
    ARTICLE,
    ARTICLE_UNEVEN,
    NOISES,
    TUTORIAL_ORDERS,
    Training,
    epsilon_row,
    old_epsilon,
)
from tithe.reproduction.figures import EPSILONS
from tithe.reproduction.grid import experiments_folder


def test_the_articles_training_is_counted_as_its_library_counts():
    assert ARTICLE.num_steps == 39_062  # 100 * 50,000 // 128
    assert ARTICLE.delta == pytest.approx(1.3333e-5, rel=1e-4)
    assert ARTICLE_UNEVEN.num_rows == sum((3000, 3500, 250, 2000, 1000, 1500, 500, 50, 5000, 2500))


def test_noise_1_costs_what_the_article_prints_by_its_accountant_and_less_by_ours():
    row = epsilon_row(ARTICLE, 1.0)
    assert round(row["old"], 2) == 3.44 and row["old_order"] == pytest.approx(7.8)
    assert row["rdp"] == pytest.approx(2.987, abs=2e-3)
    assert row["pld"] == pytest.approx(2.741, abs=5e-3)
    # Every pass of fixed batches is one Gaussian of noise 1, and 100 of them one of noise 0.1: by
    # Balle & Wang 2018, Theorem 8, epsilon 91.17 at this delta.
    assert row["not_sampled"] == pytest.approx(91.17, rel=1e-3)


def test_noise_100_costs_where_the_list_of_orders_ends():
    row = epsilon_row(ARTICLE, 100.0)
    assert round(row["old"], 2) == 0.18 and row["old_order"] == max(TUTORIAL_ORDERS)
    assert row["old"] > math.log(1 / ARTICLE.delta) / 62
    assert row["pld"] < row["old"] / 10


def test_the_printed_figure_of_noise_10_is_not_what_its_accountant_gives():
    assert epsilon_row(ARTICLE, 10.0)["old"] == pytest.approx(0.262, abs=1e-3)
    assert 10.0 in NOISES


def test_the_stored_table_is_what_is_worked_out_now():
    stored = json.loads((experiments_folder() / "article-noise" / EPSILONS).read_text())
    (row,) = [row for row in stored["uneven"] if row["noise"] == 30.0]
    assert row == pytest.approx(epsilon_row(ARTICLE_UNEVEN, 30.0), rel=1e-6)
    assert [row["noise"] for row in stored["even"]] == list(NOISES)


@settings(max_examples=30)
@given(st.lists(st.floats(1e-9, 1e6), min_size=3, max_size=3), st.floats(1e-9, 0.5))
def test_the_old_conversion_never_falls_below_the_floor_of_its_last_order(costs, delta):
    epsilon, order = old_epsilon(costs, (2.0, 8.0, 63.0), delta=delta)
    assert epsilon >= math.log(1 / delta) / 62
    assert epsilon == pytest.approx(
        costs[(2.0, 8.0, 63.0).index(order)] + math.log(1 / delta) / (order - 1)
    )


@pytest.mark.parametrize("wrong", [{"num_rows": 0}, {"batch_size": 0}, {"epochs": 0.0}])
def test_a_training_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Training(**{"num_rows": 10, "batch_size": 2, "epochs": 1.0} | wrong)
