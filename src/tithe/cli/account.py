"""``tithe account``: what a plan will cost each participant, before anything runs."""

from __future__ import annotations

import json as json_text
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tithe.cli.in_words import by_accountant, figure, naive, release, spoken
from tithe.cli.options import Overrides
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.plan import Plan
    from tithe.plan_costs import Group, PlanCosts
    from tithe.privacy.accounting import TotalCost

_IN_FULL = 4  # so many groups are shown turn by turn; more of them by their totals
_MOST_SHOWN = 20
_PLAIN = (
    "epsilon = infinity for every participant: values are chosen by looking at them and leave "
    'without noise; privacy.unit = "record" or "participant" changes that'
)
_AS_PRINTED = (
    "epsilon = infinity for every participant: this mechanism adds its noise to values without a "
    'bound, which no noise hides; privacy.mechanism = "sparse_vector_paper" bounds them first'
)
_SIMULATED = (
    "The noise is simulated: it comes from the seed and protects nobody; these figures are "
    'what the plan costs with privacy.noise = "secure".'
)
_BATCHES = {
    "poisson": "Poisson samples, charged with the gain of sampling",
    "shuffle": "shuffled, charged without the gain of sampling",
}


def account(
    path: Annotated[
        Path,
        typer.Argument(metavar="PLAN", help="A plan file, or a run's folder for the plan in it."),
    ],
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what PLAN will cost each participant, before anything runs.

    Loads the data to count rows; trains nothing and writes nothing.
    """
    from tithe.build import build
    from tithe.cli.run_folder import holds_run
    from tithe.federation.audit_gates import objections_to
    from tithe.plan import load_plan
    from tithe.plan_costs import costs_of

    plan = load_plan(path / "plan.toml" if holds_run(path) else path, overrides or [])
    built = build(plan)
    costs = costs_of(built)
    rules = objections_to(plan, built.phases[0].participants)
    if json:
        told = _plain(plan, costs) | {"rules": [asdict(each) for each in rules]}
        screen().out(json_text.dumps(told), highlight=False)
    else:
        _show(screen(), plan, costs)
    for warning in [*_warnings(plan, costs), *(each.sentence for each in rules)]:
        complain(f"note: {warning}")


def _show(console: Console, plan: Plan, costs: PlanCosts) -> None:
    why = _why_infinite(plan, costs)
    if why:
        console.print(why, soft_wrap=True)
    if plan.privacy.unit == "none":
        return
    for line in _terms(plan, costs):
        console.print(line, soft_wrap=True)
    is_full = len(costs.groups) <= _IN_FULL
    table = Table()
    table.add_column("participants")
    table.add_column("epsilon of")
    for head in ("by pld (a report)", "by rdp", "pure (delta 0)"):
        table.add_column(head, justify="right")
    for group in costs.groups[:_MOST_SHOWN]:
        for number, (what, total) in enumerate(_times(group, is_full=is_full)):
            who = _who(group) if number == 0 else ""
            table.add_row(who, what, *(figure(each) for each in by_accountant(total).values()))
        table.add_section()
    console.print(table)
    if len(costs.groups) > _MOST_SHOWN:
        console.print(f"and {len(costs.groups) - _MOST_SHOWN} groups that pay less; --json has all")
    for line in _details(costs):
        console.print(line, soft_wrap=True)


def _terms(plan: Plan, costs: PlanCosts) -> Iterator[str]:
    """What the figures speak of."""
    budget = next((each.kind.budget for each in costs.groups if each.kind.budget), None)
    privacy = plan.privacy
    whose = "one record of" if privacy.unit == "record" else "all data of"
    is_finite = budget is not None and math.isfinite(budget.epsilon)
    if budget is not None and is_finite:
        yield (
            f'For {whose} a participant, neighbours by "{budget.relation}", at delta '
            f"{budget.delta:g}; the ledger refuses what would pass epsilon {budget.epsilon:g}, "
            f"counted by {budget.counted_by}."
        )
    if privacy.unit == "record":
        yield f"Batches: {_BATCHES[privacy.sampling]}."
    else:
        yield f'Mechanism: "{privacy.mechanism}".'
    if is_finite and privacy.noise == "simulated":
        yield _SIMULATED


def _times(group: Group, *, is_full: bool) -> Iterator[tuple[str, TotalCost]]:
    kind = group.kind
    if is_full and kind.num_turns > 1:
        is_same = kind.turns_a_round == 1
        yield "1 turn, 1 round" if is_same else "1 turn", group.turn
        if not is_same:
            yield f"1 round ({_count(kind.turns_a_round, 'turn')})", group.round
    if group.num_allowed < kind.num_turns:
        yield f"{_count(group.num_allowed, 'turn')}, as the budget allows", group.allowed
    every = "all " if kind.num_turns > 1 else ""
    yield f"{every}{_count(kind.num_turns, 'turn')}", group.total


def _details(costs: PlanCosts) -> Iterator[str]:
    """A turn's releases and what the figures leave out."""
    for group in costs.groups[:_MOST_SHOWN]:
        kind = group.kind
        if kind.cost and kind.num_turns:
            what = "; ".join(release(event) for event in kind.cost)
            yield f"A turn of {_who(group)}: {what}."
        if group.num_allowed < kind.num_turns:
            yield (
                f"The budget of {_who(group)} allows {group.num_allowed} of "
                f"{_count(kind.num_turns, 'turn')}; the others would not be sent."
            )
    sentence = naive(costs.groups[0].turn)
    if sentence:
        yield f"Not a cost: {sentence}."
    shared = costs.shared
    if shared is not None:
        by = by_accountant(shared.total)
        yield (
            f"A row has up to {shared.most_holders} holders, and what they spend adds up: for the "
            f"row that costs most, held by {shared.num_holders}, epsilon {figure(by['pld'])} by "
            f'pld and {figure(by["rdp"])} by rdp, neighbours by "{shared.total.pld.relation}".'
        )


def _why_infinite(plan: Plan, costs: PlanCosts) -> str:
    if plan.privacy.unit == "none":
        return _PLAIN
    is_endless = any(math.isinf(each.total.pld.epsilon) for each in costs.groups)
    return _AS_PRINTED if is_endless else ""


def _warnings(plan: Plan, costs: PlanCosts) -> Iterator[str]:
    from tithe.run_facts import large_delta

    if plan.privacy.unit == "none":
        return
    too_large = large_delta(
        plan,
        most_rows=max(each.kind.num_rows for each in costs.groups),
        num_participants=sum(len(each.participants) for each in costs.groups),
    )
    if too_large:
        yield too_large
    if plan.run.ledgers:
        yield (
            f"what earlier runs charged in {plan.run.ledgers} comes on top; see "
            f"`tithe ledger {plan.run.ledgers}`"
        )


def _plain(plan: Plan, costs: PlanCosts) -> dict[str, object]:
    """Everything, for a script."""
    shared = costs.shared
    return {
        "plan": plan.name,
        "unit": plan.privacy.unit,
        "delta": plan.privacy.delta,
        "noise": plan.privacy.noise,
        "sampling": plan.privacy.sampling if plan.privacy.unit == "record" else None,
        "mechanism": plan.privacy.mechanism if plan.privacy.unit == "participant" else None,
        "why_infinite": _why_infinite(plan, costs),
        "groups": [_plain_group(group) for group in costs.groups],
        "shared_row": shared
        and {
            "most_holders": shared.most_holders,
            "holders": shared.num_holders,
            "relation": shared.total.pld.relation,
            "epsilon": spoken(by_accountant(shared.total)),
        },
        "warnings": list(_warnings(plan, costs)),
    }


def _plain_group(group: Group) -> dict[str, object]:
    from tithe.privacy.events import row_of

    kind = group.kind
    budget, private = kind.budget, kind.private
    times = {
        "turn": group.turn,
        "round": group.round,
        "total": group.total,
        "allowed": group.allowed,
    }
    return {
        "participants": group.participants,
        "rows": kind.num_rows,
        "turns": kind.num_turns,
        "turns_a_round": kind.turns_a_round,
        "turns_allowed": group.num_allowed,
        "relation": budget and budget.relation,
        "budget": budget and spoken({"epsilon": budget.epsilon})["epsilon"],
        "order": budget and budget.order and spoken({"order": budget.order})["order"],
        "noise_multiplier": private and private.noise_multiplier,
        "sampling_rate": kind.sampling_rate,
        "steps_a_turn": private and private.num_steps,
        "events": [row_of(event) for event in kind.cost or ()],
        "epsilon": {what: spoken(by_accountant(total)) for what, total in times.items()},
        "naive_per_value_no_guarantee": group.turn.naive_epsilon_per_value,
    }


def _who(group: Group) -> str:
    """``28 participants with 2,000 rows``."""
    rows = _count(group.kind.num_rows, "row")
    if len(group.participants) == 1:
        return f"participant {group.participants[0]} with {rows}"
    return f"{len(group.participants):,} participants with {rows}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
