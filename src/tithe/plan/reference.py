"""The keys of a plan with range, default and meaning, told by the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tithe.plan.errors import in_toml, rule_of, section_of
from tithe.plan.recipes import RECIPES
from tithe.plan.whole import Plan


class KeyReference(NamedTuple):
    """One key of a plan, in words."""

    section: str  # "" for the keys at the top; "[participant]" for a list of sections
    name: str
    default: str  # as TOML
    by_recipe: tuple[str, ...]  # 'paper: 0.001', where a recipe differs from the default
    rule: str
    meaning: str


def reference() -> Iterator[KeyReference]:
    """Every key of a plan, in the order of its sections."""
    for name, field in Plan.model_fields.items():
        section = section_of(field)
        if section is None:
            yield _key("", name, field)
            continue
        heading = name if field.annotation is section else f"[{name}]"
        for key, inner in section.model_fields.items():
            yield _key(heading, key, inner)


def section_meaning(section: str) -> str:
    """What a section is about, in a few words; for a ``section`` of ``reference()``."""
    return _in_one_line(Plan.model_fields[section.strip("[]")].description)


def _key(section: str, name: str, field: FieldInfo) -> KeyReference:
    default = field.get_default(call_default_factory=True)
    assert not isinstance(default, BaseModel)
    by_recipe = tuple(
        f"{recipe}: {in_toml(sections[section][name])}"
        for recipe, sections in RECIPES.items()
        if sections.get(section, {}).get(name, default) != default
    )
    meaning = _in_one_line(field.description)
    return KeyReference(section, name, in_toml(default), by_recipe, rule_of(field), meaning)


def _in_one_line(text: str | None) -> str:
    return " ".join((text or "").split())
