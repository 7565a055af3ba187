"""``tithe consent``: what a plan does and costs, and a participant's word on it."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.checks import BadInput
from tithe.cli.exit_codes import BAD_INPUT
from tithe.cli.join import Home, Number, PolicyFile
from tithe.cli.options import DataRoot
from tithe.cli.own_data import DataOptions, OwnData, party_maker
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.federation.party import Party


def consent(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file, or an offer.")],
    *,
    folder: Home,
    policy: PolicyFile,
    number: Number,
    data: OwnData = None,
    data_options: DataOptions = None,
    yes: Annotated[bool, typer.Option("--yes", help="Agree without being asked.")] = False,
    root: DataRoot = None,
) -> None:
    """Say what a plan does with your rows and what it costs; then ask whether you agree.

    Consent is to exactly this plan. Nothing is sent by this command.
    """
    from tithe.federation.consent import Consents, in_words, offered_size
    from tithe.federation.owned import owned_folder
    from tithe.federation.party import require_size
    from tithe.federation.policy import read_policy
    from tithe.plan import load_plan

    allowed = read_policy(policy)
    what = load_plan(plan)
    if not allowed.allows_code_of(what):  # building it would run that code
        raise BadInput(
            f"your policy forbids it: model.name must be one of Tithe's own networks, got "
            f"{what.model.name}; own_code = true in the policy allows installed code"
        )
    party = party_maker(number, data, data_options, root)(what)
    size = offered_size(plan)
    if size is not None:
        require_size(party, size)
    console = screen()
    for sentence in in_words(what, party):
        console.print(sentence, soft_wrap=True)
    now = dt.datetime.now(dt.UTC)
    reasons = allowed.reasons_against(what, party.participant, today=now.date())
    for reason in reasons:
        complain(f"your policy forbids it: {reason}")
    if reasons:
        raise typer.Exit(BAD_INPUT)
    for sentence in _ledger_in_words(folder.resolve(), party):
        console.print(sentence, soft_wrap=True)
    for warning in allowed.warnings_about(what, party.participant):
        complain(f"note: {warning}")
    if not (yes or typer.confirm("Do you agree?")):
        console.print("No consent was given.")
        return
    site = owned_folder(owned_folder(folder.resolve()) / "site")
    Consents(site / "consents").give(what, party, by=getpass.getuser(), at=now)
    console.print(f"Noted: consent to {what.digest()[:12]}... and to no other plan.")


def _ledger_in_words(home: Path, party: Party) -> list[str]:
    """What the ledger of these rows has room for, unless a daemon has it open.

    Raises:
      BadInput: it is a ledger of other rows, or was counted on other terms.
    """
    from tithe.federation.own_ledger import OwnLedger
    from tithe.storage.lock import FileLock

    path, participant = home / "site" / "ledger.sqlite", party.participant
    if not path.exists():
        return []
    try:
        lock = FileLock.take(home / "daemon.lock")
    except BadInput:
        return ["Your daemon has the ledger open; `tithe status` says what is spent."]
    try:
        with contextlib.closing(OwnLedger(path, participant, run="")) as ledger:
            if participant.cost is None or participant.budget is None:
                return []
            left = ledger.num_turns_left(participant.cost, at_most=party.num_turns)
    finally:
        lock.release()
    if left >= party.num_turns:
        return ["Your ledger has room for all of these turns."]
    return [f"Your ledger has room for {left} of these {party.num_turns} turns and refuses others."]
