"""What must hold between [balance] and the rest of a plan, and which of its keys do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tithe.plan.balance import BETWEEN_ROWS, SYNTHETIC
from tithe.plan.problems import Parts, Problem
from tithe.plan.sections import TEXT_SETS


def balance_rules(plan: Parts) -> Iterator[Problem]:
    """Every rule about [balance] that the plan breaks."""
    balance = plan.balance
    if balance.class_rows and not any(balance.class_rows):
        yield Problem(
            "balance.class_rows must keep at least one row, got 0 of every class",
            ("balance.class_rows",),
        )
    lengths = len(balance.class_rows), len(balance.public_counts)
    if all(lengths) and lengths[0] != lengths[1]:
        yield Problem(
            "balance.class_rows and balance.public_counts must have one number a class each, "
            f"got {lengths[0]} and {lengths[1]}",
            ("balance.class_rows", "balance.public_counts"),
        )
    if balance.method in BETWEEN_ROWS and plan.data.set in TEXT_SETS:
        yield Problem(
            'balance.method must be "class_weights" or "oversample" for data.set = '
            f'"{plan.data.set}", got "{balance.method}": between two words there is nothing',
            ("balance.method", "data.set"),
        )
    if plan.privacy.unit == "record":
        yield from _record(plan)


def _record(plan: Parts) -> Iterator[Problem]:
    """What would make an epsilon for one record untrue."""
    balance = plan.balance
    if balance.method == "none":
        return
    if balance.method in SYNTHETIC and not balance.public_rows:
        yield Problem(
            f'balance.method must not be "{balance.method}" on private rows with privacy.unit = '
            '"record": a synthetic row is made of several people\'s rows, so that no epsilon for a '
            'record is true; weigh the loss before the bound (balance.method = "class_weights"), '
            'charge all copies of a row as one group ("oversample"), or all rows that it touches '
            'between neighbours on a line ("line_smote"), or make synthetic rows of public ones '
            "(balance.public_rows)",
            ("balance.method", "balance.public_rows", "privacy.unit"),
        )
    if not balance.public_counts and not balance.class_rows:
        yield Problem(
            f'balance.public_counts must be given for balance.method = "{balance.method}" with '
            'privacy.unit = "record": counts of private rows would let one record move all others',
            ("balance.public_counts", "balance.class_rows", "balance.method", "privacy.unit"),
        )
    if balance.method == "oversample" and plan.privacy.microbatch > 1:
        yield _microbatch(plan, "copies of a row")
    if balance.method == "line_smote":
        yield from _on_a_line(plan)


def _on_a_line(plan: Parts) -> Iterator[Problem]:
    """What would let a record touch more rows than are charged."""
    with_it = 'with balance.method = "line_smote"'
    if plan.privacy.microbatch > 1:
        yield _microbatch(plan, "rows made of a row")
    if plan.privacy.sampling == "shuffle":
        yield Problem(
            f'privacy.sampling must be "poisson" {with_it}, got "shuffle": a record that comes '
            "changes how many rows there are, which would move others into other batches",
            ("privacy.sampling", "balance.method", "privacy.unit"),
        )
    if plan.data.features != "pixels":
        yield Problem(
            f'data.features must be "pixels" {with_it} and privacy.unit = "record", got '
            f'"{plan.data.features}": these are computed for many rows at once, and a difference '
            "in the last bit can change which rows are neighbours",
            ("data.features", "balance.method", "privacy.unit"),
        )


def _microbatch(plan: Parts, which: str) -> Problem:
    return Problem(
        f'privacy.microbatch must be 1 with balance.method = "{plan.balance.method}", got '
        f"{plan.privacy.microbatch}: {which} would share bounds with other rows",
        ("privacy.microbatch", "balance.method", "privacy.unit"),
    )


def idle_balance_keys(plan: Parts) -> Iterator[str]:
    """One sentence for every key of [balance] that was given a value but does nothing."""
    balance = plan.balance
    method = f'balance.method = "{balance.method}"'
    uses = {
        "public_counts": balance.method != "none",
        "most_times": balance.method in ("oversample", *BETWEEN_ROWS),
        "neighbours": balance.method in SYNTHETIC,
        "public_rows": balance.method in SYNTHETIC,
    }
    for key, is_used in uses.items():
        if not is_used and getattr(balance, key) != type(balance).model_fields[key].default:
            yield f"balance.{key} does nothing with {method}"
    privacy = plan.privacy
    is_automatic = privacy.unit == "record" and privacy.clipping == "automatic"
    if balance.method == "class_weights" and is_automatic:
        yield (
            f'{method} does next to nothing with privacy.clipping = "automatic", which gives all '
            "gradients the same length"
        )
