"""``tithe consent``: what a plan does and costs, and a participant's word on it."""

from __future__ import annotations

import datetime as dt
import getpass
from pathlib import Path
from typing import Annotated

import typer

from tithe.checks import BadInput
from tithe.cli.exit_codes import BAD_INPUT
from tithe.cli.join import Home, Number, OwnData, PolicyFile, party_maker
from tithe.cli.options import DataRoot
from tithe.cli.screen import complain, screen


def consent(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file, or an offer.")],
    *,
    folder: Home,
    policy: PolicyFile,
    number: Number,
    data: OwnData = None,
    yes: Annotated[bool, typer.Option("--yes", help="Agree without being asked.")] = False,
    root: DataRoot = None,
) -> None:
    """Say what a plan does with your rows and what it costs; then ask whether you agree.

    Consent is to exactly this plan. Nothing is sent by this command.
    """
    from tithe.federation.consent import Consents, in_words
    from tithe.federation.owned import owned_folder
    from tithe.federation.policy import read_policy
    from tithe.plan import load_plan

    allowed = read_policy(policy)
    what = load_plan(plan)
    if not allowed.allows_code_of(what):  # building it would run that code
        raise BadInput(
            f"your policy forbids it: model.name must be one of Tithe's own networks, got "
            f"{what.model.name}; own_code = true in the policy allows installed code"
        )
    party = party_maker(number, data, root)(what)
    console = screen()
    for sentence in in_words(what, party):
        console.print(sentence, soft_wrap=True)
    now = dt.datetime.now(dt.UTC)
    reasons = allowed.reasons_against(what, party.participant, today=now.date())
    for reason in reasons:
        complain(f"your policy forbids it: {reason}")
    if reasons:
        raise typer.Exit(BAD_INPUT)
    if not (yes or typer.confirm("Do you agree?")):
        console.print("No consent was given.")
        return
    site = owned_folder(owned_folder(folder.resolve()) / "site")
    Consents(site / "consents").give(what, party, by=getpass.getuser(), at=now)
    console.print(f"Noted: consent to {what.digest()[:12]}... and to no other plan.")
