"""``tithe status``: who is there and how far a training is."""

from __future__ import annotations

import json as json_text
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tithe.cli.in_words import figure
from tithe.cli.screen import screen

_OLD_SECONDS = 15.0


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of a server or a participant.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a server or a participant last wrote down of itself.

    A server tells who is connected, turns, staleness, bytes and refusals; a participant sees its
    own ledger.
    """
    from tithe.engines.flower.server_folder import read_status

    found = read_status(folder)
    console = screen()
    if json:
        console.out(json_text.dumps(found), highlight=False)
    elif found["role"] == "server":
        _show_server(console, found)
    else:
        _show_participant(console, found)


def server_table(found: Mapping[str, Any]) -> Table:
    """One line a participant."""
    from tithe.report.federation_facts import members_of
    from tithe.report.wording import size

    table = Table("participant", "state")
    for head in ("turns", "applied", "stale", "down", "up", "refused"):
        table.add_column(head, justify="right")
    for each in members_of(found):
        table.add_row(
            f"{each.number} {each.name}",
            each.state,
            *(f"{figure:,}" for figure in (each.turns, each.applied, each.staleness)),
            *(size(figure) for figure in (each.bytes_down, each.bytes_up)),
            str(sum(each.refused.values())),
        )
    return table


def _show_server(console: Console, found: Mapping[str, Any]) -> None:
    from tithe.report.federation_facts import SAID, members_of
    from tithe.report.wording import size

    console.print(f"{_progress(found)}{_age(found)}")
    console.print(server_table(found))
    if "store_bytes" in found:
        console.print(f"Run {found['run']}, plan {found['plan'][:12]}...", soft_wrap=True)
        console.print(f"The store takes {size(found['store_bytes'])}.")
    for each in members_of(found):
        who = f"{each.number} {each.name}"
        for name, times in each.refused.items():
            why = found.get("reasons", {}).get(name, name)
            console.print(f"refused {who}, {times} times: {why}", soft_wrap=True)
        if each.is_here and each.said in SAID:
            console.print(f"{who} says: {SAID[each.said]}", soft_wrap=True)


def _show_participant(console: Console, found: Mapping[str, Any]) -> None:
    from tithe.report.wording import percent, size

    if found.get("run"):
        state = "under way" if found.get("is_running") else "not under way"
        if found["turns"] >= found["most_turns"]:
            state = "over"
        console.print(f"{found['name']} is {state}{_age(found)}")
        console.print(f"Run {found['run']}, plan {found['plan'][:12]}...", soft_wrap=True)
        console.print(f"{found['turns']} of at most {found['most_turns']} turns taken.")
        console.print(_ledger(found), soft_wrap=True)
    else:
        console.print(f"No run was taken up yet{_age(found)}")
    if found.get("accuracy") is not None:
        console.print(f"The last download reached {percent(found['accuracy'])} on rows of yours.")
    if "bytes_down" in found:
        console.print(
            f"Received {size(found['bytes_down'])} and answered {size(found['bytes_up'])} since "
            "the daemon started.",
            soft_wrap=True,
        )
    for offer in found["offers"]:
        console.print(f"waits for your consent: {offer}", soft_wrap=True)


def _ledger(found: Mapping[str, Any]) -> str:
    """The ledger's state in one sentence."""
    where = f"Ledger: {found['charges']} charges, up to {found['ledger'][:16]}..."
    epsilon = float(found["epsilon"])
    if found["budget"] is None or math.isinf(epsilon):
        return f"{where}; nothing limits them, epsilon is infinite."
    return (
        f"{where}; epsilon {figure(epsilon)} of {float(found['budget']):g} is spent, at delta "
        f"{float(found['delta']):g}, for each {found['unit']}."
    )


def _progress(found: Mapping[str, Any]) -> str:
    if found["is_done"]:
        return f"All {found['rounds']} rounds are done"
    return f"Round {found['round'] + 1} of {found['rounds']}"


def _age(found: Mapping[str, Any]) -> str:
    """How old it is; where it should be fresh and is not, that nothing runs."""
    from tithe.report.wording import duration

    age = time.time() - float(found["at"])
    if found["role"] == "server" and age > _OLD_SECONDS and not found["is_done"]:
        return f"; told {duration(age)} ago, so the server does not run now."
    return f", told {duration(age)} ago."
