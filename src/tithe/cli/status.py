"""``tithe status``: who is there and how far a training is."""

from __future__ import annotations

import json as json_text
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tithe.cli.screen import screen

_COLUMNS = ("turns", "applied", "staleness", "bytes_down", "bytes_up")


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of a server or a participant.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a server or a participant last wrote down of itself."""
    from tithe.engines.flower.server_folder import read_status

    found = read_status(folder)
    console = screen()
    if json:
        console.out(json_text.dumps(found), highlight=False)
        return
    age = time.time() - float(str(found["at"]))
    if found["role"] == "server":
        console.print(f"Round {found['round']} of {found['rounds']}, {age:.0f} s ago")
        console.print(server_table(found))
        return
    console.print(f"{found['turns']} turns, epsilon {found['epsilon']:.4g}, {age:.0f} s ago")
    offers = found["offers"]
    for offer in offers if isinstance(offers, list) else []:
        console.print(f"waits for your consent: {offer}", soft_wrap=True)


def server_table(found: dict[str, object]) -> Table:
    """One line a participant."""
    table = Table("participant", "state")
    for head in (*_COLUMNS, "refused"):
        table.add_column(head.replace("_", " "), justify="right")
    participants = found["participants"]
    for each in participants if isinstance(participants, list) else []:
        state = "here" if each["connected"] else "away"
        if each["connected"] and not each["agreed"]:
            state = "no consent"
        cells = [f"{each[name]:,}" for name in _COLUMNS]
        refused = sum(each["refused"].values())
        table.add_row(f"{each['number']} {each['name']}", state, *cells, str(refused))
    return table
