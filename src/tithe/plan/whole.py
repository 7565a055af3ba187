"""A plan: everything that decides one experiment, read from TOML and checked as a whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError, model_validator

from tithe.plan.balance import Balance
from tithe.plan.errors import BadPlan, in_toml, problems_of
from tithe.plan.options import Options, plain
from tithe.plan.privacy import Privacy
from tithe.plan.privacy_rules import privacy_rules
from tithe.plan.problems import BrokenRules, Parts, Problem
from tithe.plan.recipes import BY_UNIT, DEFAULT_RECIPE, RECIPES
from tithe.plan.rules import broken_rules, idle_keys, sharing_rules
from tithe.plan.sections import (
    Baselines,
    Count,
    Data,
    Exchange,
    Model,
    Name,
    Override,
    ParticipantPlan,
    Partition,
    Run,
    Section,
    Server,
    Sharing,
    Training,
)
from tithe.plan.text import Table, apply_overrides, read_source, write

_AnySection = TypeVar("_AnySection", bound=Section)

# Keys that change how a run is kept or computed but no parameter of its result.
_WITHOUT_EFFECT_ON_RESULTS = (
    "name",
    "recipe",
    "run.processes",
    "run.tensorboard",
    "run.checkpoint_seconds",
    "run.keep_uploads",
)


class Plan(Section):
    """One experiment. Immutable and hashable; every key is resolved and explained.

    Raises:
      ValueError: a key is unknown or wrong (``load_plan`` says so in sentences, all at once).
    """

    name: Name = "experiment"
    """of the experiment, and of its folder under runs/"""
    recipe: Literal["recommended", "paper", "plain"] = "recommended"
    """defaults for training, sharing, server and exchange; the plan's own keys win"""
    seed: Count = 1
    """of everything that is drawn"""
    data: Data = Data()
    """what is learned from"""
    partition: Partition = Partition()
    """who holds which rows"""
    balance: Balance = Balance()
    """what is done about classes of unequal size"""
    model: Model = Model()
    """what is trained"""
    training: Training = Training()
    """how a participant trains in its turn"""
    sharing: Sharing = Sharing()
    """what leaves a participant and what it takes"""
    privacy: Privacy = Privacy()
    """what its uploads may tell about its data, at most"""
    server: Server = Server()
    """how uploads become the global parameters"""
    exchange: Exchange = Exchange()
    """who has a turn when"""
    baselines: Baselines = Baselines()
    """what the result is compared with"""
    run: Run = Run()
    """how the computation is carried out"""
    participant: tuple[Override, ...] = ()
    """what is different for some participants"""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_recipe(cls, raw: object) -> object:
        """The plan's own keys over its recipe's."""
        if not isinstance(raw, Mapping):
            return raw
        given = dict(raw)
        recipe = given.get("recipe", DEFAULT_RECIPE)
        privacy = given.get("privacy", {})
        unit = privacy.get("unit") if isinstance(privacy, Mapping) else getattr(privacy, "unit", "")
        by_unit = BY_UNIT.get(unit, {}) if isinstance(unit, str) else {}
        for layer in (by_unit, RECIPES.get(recipe, {}) if isinstance(recipe, str) else {}):
            for section, defaults in layer.items():
                own = given.get(section, {})
                if isinstance(own, Section):
                    own = own.model_dump(exclude_unset=True)
                if isinstance(own, Mapping):
                    given[section] = {**defaults, **own}
        return _with_tuples(given)

    @model_validator(mode="after")
    def _keep_rules(self) -> Plan:
        """Refuses keys that contradict each other."""
        problems = list(broken_rules(self._parts())) + list(self._override_problems())
        if problems:
            raise BrokenRules(problems)
        return self

    def for_participant(self, participant: int) -> ParticipantPlan:
        """The training and sharing of one participant, its rounds and its speed."""
        for each in self.participant:
            if participant in each.ids:
                return ParticipantPlan(
                    _changed(self.training, each.training),
                    _changed(self.sharing, each.sharing),
                    each.joins,
                    each.leaves,
                    each.speed,
                )
        return ParticipantPlan(self.training, self.sharing, joins=0, leaves=0, speed=1.0)

    def sends_largest(self, participant: int) -> bool:
        """Whether every change that it does not upload is known to be smaller than what it does.

        Noise of DP-SGD is in the change already, so it alters nothing. Where whole changes are
        protected, or values are bounded first and then chosen among ties, nothing is known.
        """
        sharing = self.for_participant(participant).sharing
        is_among_ties = sharing.bound_first and sharing.gamma > 0
        is_noisy_choice = self.privacy.unit == "participant"
        return sharing.selection == "largest" and not is_among_ties and not is_noisy_choice

    def to_table(self) -> dict[str, Any]:
        """Every key with its value, as dicts and lists; no ``[[participant]]`` if there is none."""
        table = self.model_dump()
        if not self.participant:
            del table["participant"]
        values = plain(table)
        assert isinstance(values, dict)
        return values

    def to_toml(self) -> str:
        """The plan as used: every key written out. Reading it gives an equal plan."""
        return write(self.to_table())

    def digest(self) -> str:
        """SHA-256 over every key that can change the result (not: name, recipe, processes, ...)."""
        table = {
            key: value
            for key, value in _flat(self.to_table()).items()
            if key not in _WITHOUT_EFFECT_ON_RESULTS
        }
        text = json.dumps(table, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def idle_keys(self) -> list[str]:
        """One sentence for every key that was given a value but does nothing in this plan."""
        return list(idle_keys(self._parts()))

    def _parts(self) -> Parts:
        return Parts(**{field.name: getattr(self, field.name) for field in fields(Parts)})

    def _override_problems(self) -> Iterator[Problem]:
        """What is wrong inside ``[[participant]]`` blocks, as their participants would have it."""
        broken_by_all = set(privacy_rules(self._parts()))
        for number, each in enumerate(self.participant):
            where = f"participant[{number}]"
            for section, options in (("training", each.training), ("sharing", each.sharing)):
                try:
                    changed = _changed(getattr(self, section), options)
                except ValidationError as error:
                    for problem in problems_of(error, root=Plan, section=section):
                        yield problem.inside(where)
                    continue
                if isinstance(changed, Sharing) and options:
                    yield from sharing_rules(changed, where=f"{where}.sharing")
                for problem in privacy_rules(replace(self._parts(), **{section: changed})):
                    if problem not in broken_by_all:
                        yield problem.inside(where)


def load_plan(source: Path | str | Mapping[str, object], overrides: Sequence[str] = ()) -> Plan:
    """Reads and checks a plan.

    Args:
      source: a path, TOML text, or a table (of dicts, as TOML would give it).
      overrides: ``"sharing.theta_u=0.1"``; values as TOML, bare words as text. The last one wins.
    Raises:
      BadPlan: anything is wrong; its ``problems`` are all that is, one sentence each.
    """
    table, name = read_source(source)
    unusable = apply_overrides(table, overrides)
    try:
        plan = Plan.model_validate(table)
    except ValidationError as error:
        problems = _all_problems(error, table)
        sentences = list(dict.fromkeys(unusable + [each.sentence for each in problems]))
        raise BadPlan(sentences, source=name) from None
    if unusable:
        raise BadPlan(unusable, source=name)
    return plan


def differences(one: Plan, other: Plan) -> list[str]:
    """The keys that can change a result and differ: ``sharing.theta_u = 0.1, not 0.01``."""
    mine, others = _flat(one.to_table()), _flat(other.to_table())
    return [
        f"{key} = {in_toml(mine.get(key))}, not {in_toml(others.get(key))}"
        for key in dict.fromkeys((*mine, *others))
        if key not in _WITHOUT_EFFECT_ON_RESULTS and mine.get(key) != others.get(key)
    ]


def _all_problems(error: ValidationError, table: Table) -> list[Problem]:
    """What is wrong key by key and, as far as the sound keys tell, what is wrong between them."""
    problems = problems_of(error, root=Plan)
    if any(isinstance(each.get("ctx", {}).get("error"), BrokenRules) for each in error.errors()):
        return problems
    spoilt = {key for problem in problems for key in problem.keys}
    try:
        Plan.model_validate(_without(table, spoilt))
    except ValidationError as again:
        problems += [
            problem
            for problem in problems_of(again, root=Plan)
            if not any(_is_within(key, spoilt) for key in problem.keys)
        ]
    return problems


def _is_within(key: str, spoilt: set[str]) -> bool:
    return any(key == each or key.startswith((f"{each}.", f"{each}[")) for each in spoilt)


def _without(table: Table, keys: set[str]) -> Table:
    """A copy of the table without some keys, such as ``sharing.tau`` or ``participant[0].ids``."""
    copy = deepcopy(table)
    for key in keys:
        *path, last = (
            int(part) if part.isascii() and part.isdigit() else part
            for part in re.findall(r"[^.\[\]]+", key)
        )
        inner: Any = copy
        try:
            for part in path:
                inner = inner[part]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(inner, dict):
            inner.pop(last, None)
        elif path:
            copy.pop(str(path[0]), None)  # an entry of a list that is no table: drop the list
    return copy


def _changed(section: _AnySection, options: Options) -> _AnySection:
    """The section with some keys replaced, checked like any other."""
    changed = {**section.model_dump(), **options}
    return type(section).model_validate(changed) if options else section


def _with_tuples(value: object) -> object:
    """The value with every list in it turned into a tuple, as the frozen models want it."""
    if isinstance(value, (list, tuple)):
        return tuple(_with_tuples(each) for each in value)
    if isinstance(value, Mapping) and not isinstance(value, Options):
        return {key: _with_tuples(each) for key, each in value.items()}
    return value


def _flat(table: Mapping[str, Any]) -> dict[str, object]:
    """``{"sharing": {"tau": 0.0}}`` as ``{"sharing.tau": 0.0}``; what is below stays as it is."""
    flat: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            flat[name] = value
    return flat
