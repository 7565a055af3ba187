"""``tithe enrol``: a participant's card into the server's roster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.screen import screen


def enrol(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The server's folder.")],
    card: Annotated[Path, typer.Argument(metavar="CARD", help="A participant's card.toml.")],
    *,
    number: Annotated[
        int | None, typer.Option("--number", min=0, help="In the plan; else the next that is free.")
    ] = None,
) -> None:
    """Admit a participant: pin its keys under a number.

    Compare the fingerprints with its owner over another channel first. A server that runs takes
    notice within seconds.
    """
    from tithe.engines.flower.card import read_card
    from tithe.engines.flower.server_folder import ServerFolder
    from tithe.federation.keys import fingerprint
    from tithe.federation.roster import Pinned

    found = read_card(card)
    server = ServerFolder.at(folder)
    roster = server.roster()
    taken = {each.number for each in roster.participants}
    free = next(each for each in range(len(taken) + 1) if each not in taken)
    pinned = Pinned(
        free if number is None else number, found.name, found.signing_key, found.node_key
    )
    server.keep_roster(roster.with_one_more(pinned))
    console = screen()
    console.print(f"{found.name} is participant {pinned.number}.")
    console.print(f"signing key  {fingerprint(found.signing_key)}")
    console.print(f"node key     {fingerprint(found.node_key)}")
