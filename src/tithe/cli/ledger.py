"""``tithe ledger``: what participants were charged so far, and what is left."""

from __future__ import annotations

import json as json_text
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tithe.cli.exit_codes import BAD_INPUT, sentences_of
from tithe.cli.in_words import by_accountant, figure, naive, release, spoken
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.ledger_reading import Account, ChargedTurn, LedgerReading


def ledger(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A ledger, a run's folder, or a folder of ledgers."),
    ],
    *,
    epsilon: Annotated[
        float | None,
        typer.Option("--epsilon", help="Say how many turns like the last this budget allows yet."),
    ] = None,
    turn: Annotated[
        int | None, typer.Option("--turn", min=0, help="Show what was charged for this turn.")
    ] = None,
    reached: Annotated[
        str | None,
        typer.Option(
            "--reached", metavar="SEQ:HASH", help="Check that it has a row seen earlier still."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Verify ledgers and show what was charged.

    Nothing in them is changed. Write the last row's number and hash down elsewhere: with --reached,
    who put an older copy back is found out.
    """
    from tithe.checks import BadInput
    from tithe.ledger_reading import ledgers_in, read_ledger

    if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0):
        raise BadInput(f"--epsilon must be finite and > 0, got {epsilon:g}")
    place = _place(reached)
    files = ledgers_in(path)
    if place is not None and len(files) > 1:
        raise BadInput(
            f"--reached is about one ledger and {path} holds {len(files)}; name its file"
        )
    readings: list[LedgerReading] = []
    problems: list[str] = []
    for file in files:
        try:
            readings.append(read_ledger(file, epsilon=epsilon, turn=turn, reached=place))
        except BadInput as error:
            problems += sentences_of(error)
    if json:
        plain = {"ledgers": [_plain(each) for each in readings], "problems": problems}
        screen().out(json_text.dumps(plain), highlight=False)
    elif readings:
        _show(screen(), readings, is_limited=epsilon is not None, is_checked=place is not None)
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(BAD_INPUT)


def _place(reached: str | None) -> tuple[int, str] | None:
    """``12:ab...`` as a number and 64 hex digits."""
    if reached is None:
        return None
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", reached.strip().lower(), re.ASCII)
    if not found:
        raise typer.BadParameter("--reached must be a number, a colon and 64 hexadecimal digits")
    return int(found[1]), found[2]


def _show(
    console: Console, readings: list[LedgerReading], *, is_limited: bool, is_checked: bool
) -> None:
    accounts = [(each, account) for each in readings for account in each.accounts]
    for sentence in dict.fromkeys(_terms(account) for _, account in accounts):
        console.print(sentence, soft_wrap=True)
    table = Table()
    table.add_column("participant")
    for head in ("turns", "runs", "epsilon by pld", "by rdp", "pure", "by the gate", "last turn"):
        table.add_column(head, justify="right")
    if is_limited:
        table.add_column("turns left", justify="right")
    for _, account in accounts:
        table.add_row(*_cells(account, is_limited=is_limited))
    if accounts:
        console.print(table)
    for line in dict.fromkeys(line for _, account in accounts for line in _details(account)):
        console.print(line, soft_wrap=True)
    if is_checked:
        console.print("The row that was seen earlier is still in its place.")
    console.print("Every row is verified. Write down elsewhere where each ledger ends:")
    for each in readings:
        none = "" if each.accounts else "  (nothing was charged yet)"
        console.print(f"{each.sequence}:{each.hash}  {each.path}{none}", soft_wrap=True)


def _cells(account: Account, *, is_limited: bool) -> Iterator[str]:
    from tithe.ledger_reading import MOST_TURNS

    yield str(account.participant)
    yield f"{account.num_turns:,}"
    yield str(len(account.runs))
    for total in by_accountant(account.total).values():
        yield figure(total)
    yield figure(account.by_gate)
    yield figure(by_accountant(account.last.alone)["pld"])
    if is_limited and account.num_left is not None:
        yield f"{account.num_left:,}" + (" or more" if account.num_left >= MOST_TURNS else "")


def _terms(account: Account) -> str:
    """What the figures speak of."""
    terms = account.terms
    whose = "one record of" if terms.unit == "record" else "all data of"
    return (
        f'For {whose} a participant, neighbours by "{terms.relation}", at delta {terms.delta:g}; '
        f"the gate is {terms.counted_by}."
    )


def _details(account: Account) -> Iterator[str]:
    if account.num_simulated:
        which = "all" if account.num_simulated == account.num_turns else "some"
        yield f"The noise of {which} turns was simulated, from a seed: they protected nobody."
    for each in account.turns or (account.last,):
        which = f"Turn {each.turn}" if account.turns else "A last turn"
        yield f"{which}: {_told(each, is_asked=bool(account.turns))}."
    sentence = naive(account.total)
    if sentence:
        yield f"Not a cost: {sentence}."


def _told(turn: ChargedTurn, *, is_asked: bool) -> str:
    what = "; ".join(release(event) for event in turn.events) or "nothing was released"
    if not is_asked:
        return what
    alone = by_accountant(turn.alone)
    return (
        f"{what}; in run {turn.run} ({turn.noise} noise), epsilon {figure(alone['pld'])} by itself "
        f"by pld, {figure(turn.so_far)} by the gate with all before it"
    )


def _plain(reading: LedgerReading) -> dict[str, object]:
    return {
        "path": str(reading.path),
        "last": {"sequence": reading.sequence, "hash": reading.hash},
        "accounts": [_plain_account(each) for each in reading.accounts],
    }


def _plain_account(account: Account) -> dict[str, object]:
    terms = account.terms
    return {
        "participant": account.participant,
        "unit": terms.unit,
        "relation": terms.relation,
        "delta": terms.delta,
        "order": terms.order and spoken({"order": terms.order})["order"],
        "turns": account.num_turns,
        "simulated_turns": account.num_simulated,
        "runs": account.runs,
        "epsilon": spoken(by_accountant(account.total) | {"gate": account.by_gate}),
        "naive_per_value_no_guarantee": account.total.naive_epsilon_per_value,
        "last_turn": _plain_turn(account.last),
        "asked_turns": [_plain_turn(each) for each in account.turns],
        "turns_left": account.num_left,
    }


def _plain_turn(turn: ChargedTurn) -> dict[str, object]:
    from tithe.privacy.events import row_of

    return {
        "run": turn.run,
        "turn": turn.turn,
        "noise": turn.noise,
        "events": [row_of(event) for event in turn.events],
        "epsilon": spoken(by_accountant(turn.alone) | {"gate": turn.by_gate}),
        "epsilon_so_far": spoken({"gate": turn.so_far})["gate"],
    }
