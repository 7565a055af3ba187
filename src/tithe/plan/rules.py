"""What must hold between the keys of a plan, and which keys have no effect as a plan stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tithe.plan.balance_rules import balance_rules, idle_balance_keys
from tithe.plan.privacy_rules import idle_privacy_keys, privacy_rules, uses_tau
from tithe.plan.problems import Parts, Problem
from tithe.plan.sections import TEXT_SETS, Data, Sharing


def broken_rules(plan: Parts) -> Iterator[Problem]:
    """Every rule between keys that the plan breaks, in the order of its sections."""
    yield from _data(plan.data)
    yield from _model(plan)
    yield from _partition(plan)
    yield from balance_rules(plan)
    yield from sharing_rules(plan.sharing, where="sharing")
    yield from privacy_rules(plan)
    yield from _exchange(plan)
    yield from _run(plan)
    yield from _participants(plan)


def _data(data: Data) -> Iterator[Problem]:
    if len(data.mean) != len(data.std):
        yield Problem(
            "data.mean and data.std must have one number per channel each, "
            f"got {len(data.mean)} and {len(data.std)}",
            ("data.mean", "data.std"),
        )


def _model(plan: Parts) -> Iterator[Problem]:
    if plan.data.set in TEXT_SETS and plan.model.name == "auto":
        yield Problem(
            f'model.name must be "text-bag", "text-linear", "text-transformer" or a function of '
            f'yours for data.set = "{plan.data.set}", got "auto"',
            ("model.name", "data.set"),
        )


def _partition(plan: Parts) -> Iterator[Problem]:
    kind, each, count = (
        plan.partition.kind,
        plan.partition.rows_each,
        plan.partition.participants,
    )
    keys = ("partition.kind", "partition.rows_each", "partition.participants", "data.train_rows")
    rows = plan.data.train_rows
    if each and kind not in ("even", "independent"):
        yield Problem(
            f'partition.rows_each must be 0 for partition.kind = "{kind}", got {each}; '
            'only "even" and "independent" deal out equal numbers',
            keys[:2],
        )
    if rows and kind == "even" and count * max(each, 1) > rows:
        yield Problem(
            f"data.train_rows must be >= {count * max(each, 1)} for {count} participants with "
            f"{max(each, 1)} rows each, got {rows}",
            keys,
        )
    if rows and kind == "independent" and each > rows:
        yield Problem(f"partition.rows_each must be <= data.train_rows = {rows}, got {each}", keys)


def sharing_rules(sharing: Sharing, *, where: str) -> Iterator[Problem]:
    """The rules inside [sharing], or inside one participant's; ``where`` is what to call it."""
    if sharing.selection == "random_above_tau" and not sharing.tau:
        yield Problem(
            f'{where}.tau must be > 0 for {where}.selection = "random_above_tau", got 0.0',
            (f"{where}.tau", f"{where}.selection"),
        )


def _exchange(plan: Parts) -> Iterator[Problem]:
    order = plan.exchange.order
    if plan.server.combine == "mean" and order != "synchronous":
        yield Problem(
            f'server.combine = "mean" needs exchange.order = "synchronous", got "{order}"',
            ("server.combine", "exchange.order"),
        )
    if plan.exchange.cohort < 1 and order != "synchronous":
        yield Problem(
            f'exchange.cohort must be 1.0 unless exchange.order = "synchronous", '
            f"got {plan.exchange.cohort}",
            ("exchange.cohort", "exchange.order"),
        )
    if plan.exchange.speed_spread and order != "asynchronous":
        yield Problem(
            f'exchange.speed_spread must be 0.0 unless exchange.order = "asynchronous", '
            f"got {plan.exchange.speed_spread}",
            ("exchange.speed_spread", "exchange.order"),
        )
    if plan.run.engine == "parallel" and order not in ("asynchronous", "synchronous"):
        yield Problem(
            'run.engine = "parallel" needs exchange.order = "asynchronous" or "synchronous", '
            f'got "{order}"',
            ("run.engine", "exchange.order"),
        )


def _run(plan: Parts) -> Iterator[Problem]:
    engine = plan.run.engine
    if engine != "in_process" and plan.run.device != "cpu":
        yield Problem(
            f'run.device must be "cpu" for run.engine = "{engine}", got "{plan.run.device}"',
            ("run.engine", "run.device"),
        )
    if engine != "in_process" and plan.run.threads != 1:
        yield Problem(
            f'run.threads must be 1 for run.engine = "{engine}", got {plan.run.threads}; '
            "run.processes is what uses more cores",
            ("run.engine", "run.threads"),
        )


def _participants(plan: Parts) -> Iterator[Problem]:
    times_named = Counter(i for each in plan.participant for i in set(each.ids))
    for number, each in enumerate(plan.participant):
        where = f"participant[{number}]"
        ids, joins, leaves = (f"{where}.ids", f"{where}.joins", f"{where}.leaves")
        if not each.ids:
            yield Problem(f"{ids} must name at least one participant, got []", (ids,))
        if len(set(each.ids)) < len(each.ids):
            yield Problem(f"{ids} must name nobody twice, got {list(each.ids)}", (ids,))
        count = plan.partition.participants
        outside = [i for i in each.ids if i >= count]
        if outside and plan.partition.kind != "natural":
            yield Problem(
                f"{ids} must be below partition.participants = {count}, got {outside[0]}",
                (ids, "partition.participants", "partition.kind"),
            )
        if each.leaves and each.leaves <= each.joins:
            yield Problem(
                f"{leaves} must be 0 or after {joins} = {each.joins}, got {each.leaves}",
                (leaves, joins),
            )
        if each.joins >= plan.exchange.rounds:
            yield Problem(
                f"{joins} must be below exchange.rounds = {plan.exchange.rounds}, got {each.joins}",
                (joins, "exchange.rounds"),
            )
    for i in sorted(i for i, times in times_named.items() if times > 1):
        blocks = [n for n, each in enumerate(plan.participant) if i in each.ids]
        yield Problem(
            f"participant {i} must have one [[participant]] block, got {len(blocks)}",
            tuple(f"participant[{n}].ids" for n in blocks),
        )


def idle_keys(plan: Parts) -> Iterator[str]:
    """One sentence for every key that was given a value but does nothing in this plan."""
    training, sharing, data, server = plan.training, plan.sharing, plan.data, plan.server
    if training.decay != 1 and training.schedule in ("constant", "cosine"):
        yield f'training.decay does nothing with training.schedule = "{training.schedule}"'
    if training.local_steps and training.local_epochs != 1:
        steps = training.local_steps
        yield f"training.local_epochs does nothing with training.local_steps = {steps}"
    if sharing.tau and sharing.selection != "random_above_tau" and not uses_tau(plan):
        yield f'sharing.tau does nothing with sharing.selection = "{sharing.selection}"'
    if sharing.bound_first and not sharing.gamma:
        yield "sharing.bound_first does nothing with sharing.gamma = 0.0"
    if sharing.residual_keep != 1 and not sharing.residual:
        yield "sharing.residual_keep does nothing with sharing.residual = false"
    if server.beta != 1 and sharing.theta_d == 1:
        yield "server.beta does nothing with sharing.theta_d = 1.0"
    if data.features == "scattering" and data.normalise != "constants":
        yield 'data.normalise does nothing with data.features = "scattering"'
    if data.mean and data.normalise != "constants":
        yield f'data.mean and data.std do nothing with data.normalise = "{data.normalise}"'
    yield from idle_balance_keys(plan)
    yield from idle_privacy_keys(plan)
