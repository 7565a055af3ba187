"""``tithe demo`` and the plans that come with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tithe.cli.demo import DemoData, plan_text
from tithe.plan import load_plan


@pytest.mark.parametrize("data", DemoData)
def test_a_demo_s_plan_is_the_recommended_recipe_at_a_tenth(data):
    plan = load_plan(plan_text(data))
    assert plan.data.set == data.value
    assert plan.partition.participants == 10
    assert plan.sharing.theta_u == 0.1
    assert plan.recipe == "recommended"
    assert plan.baselines.centralised
    assert plan.baselines.standalone
    assert plan.idle_keys() == []


def test_each_demo_has_a_folder_of_its_own(tithe, play):
    for _ in range(2):
        assert tithe("demo").exit_code == 0
    folders = [directory for _, directory, _ in play.calls]
    assert folders == [Path("runs/demo-digits"), Path("runs/demo-digits-2")]


def test_data_seed_out_and_set_are_followed(tithe, play):
    tithe("demo", "--data", "mnist", "--seed", 7, "--out", "here", "--set", "exchange.rounds=1")
    [(plan, directory, _)] = play.calls
    assert (plan.data.set, plan.seed, plan.exchange.rounds) == ("mnist", 7, 1)
    assert directory == Path("here")


def test_an_unknown_demo_is_wrong_usage(tithe, play):
    result = tithe("demo", "--data", "imagenet")
    assert result.exit_code == 2
    assert play.calls == []
