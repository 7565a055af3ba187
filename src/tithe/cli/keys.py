"""``tithe keys``: the keys of a participant, or the certificates of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.screen import screen


def keys(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Yours alone; made if need be.")],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Of a participant: make its keys and its card.")
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="Of a server: make its certificate; may be given again."),
    ] = None,
    days: Annotated[int, typer.Option("--days", help="Until the certificate expires.")] = 365,
) -> None:
    """Make a participant's keys, or make or renew a server's certificate.

    A participant hands DIR/card.toml to the server. The server hands DIR/certificates/ca.crt to all
    participants. Every other file stays where it is.
    """
    if (name is None) == (host is None):
        raise typer.BadParameter("give --name for a participant or --host for a server")
    if name is not None:
        _participant(folder, name)
    elif host is not None:
        _server(folder, host, days)


def _participant(folder: Path, name: str) -> None:
    from tithe.engines.flower.card import make_card
    from tithe.federation.keys import fingerprint

    card = make_card(folder, name=name)
    console = screen()
    console.print(f"Hand {folder / 'card.toml'} to who runs the server, and compare:")
    console.print(f"signing key  {fingerprint(card.signing_key)}")
    console.print(f"node key     {fingerprint(card.node_key)}")


def _server(folder: Path, hosts: list[str], days: int) -> None:
    from tithe.engines.flower.certificates import make_certificates, require_current
    from tithe.engines.flower.server_folder import ServerFolder

    files = make_certificates(
        ServerFolder.at(folder).certificates.server.parent, hosts=hosts, days=days
    )
    console = screen()
    left = require_current(files).days
    console.print(f"The certificate for {', '.join(hosts)} holds for {left} days.")
    console.print(f"Hand {files.authority} to every participant.", soft_wrap=True)
