"""``tithe join``: a participant's daemon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tithe.cli.options import DataRoot
from tithe.cli.own_data import DataOptions, OwnData, party_maker
from tithe.cli.screen import complain, screen
from tithe.cli.serve import over_at_signals

if TYPE_CHECKING:
    from tithe.engines.flower.node_post import FlowerNodePost
    from tithe.engines.flower.relay import RelayPost
    from tithe.federation.site import Site

Home = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where `tithe keys` made yours.")]
PolicyFile = Annotated[
    Path, typer.Option("--policy", metavar="FILE", help="What you allow, whatever is asked for.")
]
Number = Annotated[int, typer.Option("--number", min=0, help="As the server enrolled you.")]


def join(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="https://HOST:PORT, or relay:SOCKET for a relay.")
    ],
    *,
    folder: Home,
    policy: PolicyFile,
    number: Number,
    data: OwnData = None,
    data_options: DataOptions = None,
    authority: Annotated[
        Path | None, typer.Option("--authority", metavar="FILE", help="The server's ca.crt.")
    ] = None,
    root: DataRoot = None,
) -> None:
    """Take part: answer the server within your policy and your consents, until you stop it.

    Nothing that the server sends is run, and nothing leaves before your ledger was charged.
    """
    from tithe.engines.flower.card import key_on_card
    from tithe.engines.flower.daemon import attend
    from tithe.federation.owned import owned_folder
    from tithe.federation.policy import read_policy
    from tithe.federation.site import Site
    from tithe.storage.lock import held_alone

    home = owned_folder(folder.resolve())
    is_over = over_at_signals()
    with held_alone(home / "daemon.lock"):  # one daemon at a time lives in a folder
        site = Site(
            home / "site",
            key=key_on_card(home),
            policy=read_policy(policy),
            make_party=party_maker(number, data, data_options, root),
            tell=complain,
        )
        diary = _Diary(site, home)
        try:
            with _post(url, home, authority) as post:
                screen().print(f"Participant {number} answers {url} until you stop it.")
                attend(
                    post,
                    diary.answer,
                    is_over=is_over,
                    after_each=diary.write,
                    has_left=lambda: site.has_left,
                )
                has_left = site.has_left
        finally:
            site.close()
    if has_left:
        screen().print("Your consent was withdrawn; no further turn is taken.")
    else:
        screen().print("Stopped; the same command goes on from here.")


class _Diary:
    """Writes down what ``tithe status`` shows, and tells once of each plan that waits."""

    def __init__(self, site: Site, home: Path) -> None:
        from tithe.engines.flower.server_folder import last_status

        self._site = site
        self._home = home
        self._before = last_status(home)
        self._bytes_down = self._bytes_up = 0
        self._shown: set[str] = set()
        self._taken = (self._before.get("run"), self._before.get("turns"))

    def answer(self, body: bytes) -> bytes:
        """The site's answer, counted."""
        answer = self._site.handle(body)
        self._bytes_down += len(body)
        self._bytes_up += len(answer)
        return answer

    def write(self) -> None:
        """The status as it is now; before the first message of a run, as it was left."""
        from tithe.engines.flower.server_folder import keep_status

        told: dict[str, Any] = self._site.status()
        if not told["run"]:
            told = {**self._before, **{name: told[name] for name in ("is_running", "offers")}}
        now = {"at": time.time(), "role": "participant"}
        counted = {"bytes_down": self._bytes_down, "bytes_up": self._bytes_up}
        keep_status(self._home, told | counted | now)
        self._tell_of_turns(told)
        for offer in self._site.consents.offers():
            self._tell_of(offer)

    def _tell_of_turns(self, told: dict[str, Any]) -> None:
        """One line whenever turns were taken: how many, and what all of them cost so far."""
        from tithe.cli.in_words import figure

        taken = (told.get("run"), told.get("turns"))
        if taken == self._taken or not told.get("turns"):
            return
        self._taken = taken
        budget = told["budget"]
        spent = figure(float(told["epsilon"])) + ("" if budget is None else f" of {budget:g}")
        screen().print(f"{told['turns']} of {told['most_turns']} turns taken; epsilon {spent}")

    def _tell_of(self, offer: Path) -> None:
        from tithe.plan import load_plan

        if str(offer) in self._shown:
            return
        self._shown.add(str(offer))
        plan = load_plan(offer)
        changes = self._site.consents.changes_since(plan)
        what = f"the plan {plan.name} waits for your consent"
        if changes:
            what = f"the plan {plan.name} was changed since your consent ({', '.join(changes)})"
        complain(f"{what}; read it and agree with tithe consent {offer} and your other options")


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
