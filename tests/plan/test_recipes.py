"""Recipes are sets of defaults that hold by themselves."""

from __future__ import annotations

import pytest

from tithe.plan import load_plan
from tithe.plan.recipes import DEFAULT_RECIPE, RECIPES
from tithe.plan.whole import Plan


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("order", ["round_robin", "random", "asynchronous", "synchronous"])
def test_a_recipe_holds_with_every_exchange(recipe, order):
    plan = load_plan("", [f"recipe={recipe}", f"exchange.order={order}"])
    assert plan.recipe == recipe


def test_recipes_speak_of_the_method_only():
    for sections in RECIPES.values():
        assert set(sections) <= {"training", "sharing", "server", "exchange"}


def test_the_plan_knows_every_recipe():
    assert Plan.model_fields["recipe"].default == DEFAULT_RECIPE
    for recipe in RECIPES:
        assert load_plan({"recipe": recipe}).recipe == recipe
