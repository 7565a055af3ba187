"""``tithe join``: a participant's daemon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import DataRoot
from tithe.cli.screen import complain, screen
from tithe.cli.serve import over_at_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from tithe.engines.flower.node_post import FlowerNodePost
    from tithe.engines.flower.relay import RelayPost
    from tithe.federation.party import Party
    from tithe.plan import Plan

Home = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where `tithe keys` made yours.")]
PolicyFile = Annotated[
    Path, typer.Option("--policy", metavar="FILE", help="What you allow, whatever is asked for.")
]
Number = Annotated[int, typer.Option("--number", min=0, help="As the server enrolled you.")]
OwnData = Annotated[
    str | None,
    typer.Option(
        "--data", help="Your rows, as data.set of a plan names them; else those the plan deals."
    ),
]


def join(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="https://HOST:PORT, or relay:SOCKET for a relay.")
    ],
    *,
    folder: Home,
    policy: PolicyFile,
    number: Number,
    data: OwnData = None,
    authority: Annotated[
        Path | None, typer.Option("--authority", metavar="FILE", help="The server's ca.crt.")
    ] = None,
    root: DataRoot = None,
) -> None:
    """Take part: answer the server within your policy and your consents, until you stop it.

    Nothing that the server sends is run, and nothing leaves before your ledger was charged.
    """
    from tithe.engines.flower.daemon import attend
    from tithe.engines.flower.server_folder import keep_status
    from tithe.federation.keys import read_key
    from tithe.federation.owned import owned_folder
    from tithe.federation.policy import read_policy
    from tithe.federation.site import Site

    home = owned_folder(folder.resolve())
    is_over = over_at_signals()
    site = Site(
        home / "site",
        key=read_key(home / "signing.key"),
        policy=read_policy(policy),
        make_party=party_maker(number, data, root),
    )
    shown: set[object] = set()

    def after_each() -> None:
        status = site.status()
        keep_status(home, status | {"at": time.time(), "role": "participant"})
        offers = status["offers"]
        assert isinstance(offers, list)
        for offer in offers:
            if offer not in shown:
                shown.add(offer)
                complain(f"a plan waits for your consent: tithe consent {offer} --dir {folder}")

    try:
        with _post(url, home, authority) as post:
            screen().print(f"Participant {number} answers {url} until you stop it.")
            attend(post, site.handle, is_over=is_over, after_each=after_each)
    finally:
        site.close()


def party_maker(number: int, data: str | None, root: Path | None) -> Callable[[Plan], Party]:
    """What makes of a plan this participant's part of it."""
    from tithe.federation.party import party_in, party_with

    def make(plan: Plan) -> Party:
        if data is None:
            return party_in(plan, number, data_root=root)
        return party_with(plan, number, data=data, options={}, data_root=root)

    return make


def _post(url: str, home: Path, authority: Path | None) -> FlowerNodePost | RelayPost:
    from tithe.engines.flower.calls import address_of
    from tithe.engines.flower.node_keys import read_node_key
    from tithe.engines.flower.node_post import FlowerNodePost
    from tithe.engines.flower.relay import RelayPost

    if url.startswith("relay:"):
        return RelayPost(Path(url.removeprefix("relay:")))
    return FlowerNodePost(
        address_of(url, authority=authority),
        key=read_node_key(home / "node.key"),
        number_file=home / "node.number",
        tell=complain,
    )
