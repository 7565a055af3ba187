"""Every key of a plan is explained."""

from __future__ import annotations

from tithe.plan import Plan
from tithe.plan.errors import keys_of
from tithe.plan.reference import reference, section_meaning


def test_every_key_has_a_meaning_a_rule_and_a_default():
    keys = list(reference())
    assert all(key.meaning and key.rule and key.default for key in keys)
    plain = [f"{key.section}.{key.name}".strip(".") for key in keys if "[" not in key.section]
    assert plain == keys_of(Plan)


def test_every_section_has_a_meaning():
    assert all(section_meaning(key.section) for key in reference() if key.section)


def test_a_recipe_s_own_value_stands_beside_the_default():
    [alpha] = [
        key for key in reference() if key.name == "learning_rate" and key.section == "training"
    ]
    assert "paper: 0.001" in alpha.by_recipe
