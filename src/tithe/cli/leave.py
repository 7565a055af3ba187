"""``tithe leave``: a participant withdraws its consents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.join import Home
from tithe.cli.screen import screen


def leave(
    plan: Annotated[
        Path | None, typer.Argument(metavar="PLAN", help="Leave this plan alone; else all.")
    ] = None,
    *,
    folder: Home,
) -> None:
    """Withdraw consent: no further turn is taken, and a daemon that takes part ends.

    What was sent stays with the server, and what it cost stays in your ledger.
    """
    from tithe.federation.consent import Consents
    from tithe.plan import load_plan

    place = folder.resolve() / "site" / "consents"
    found = {path.name.partition(".")[0] for path in place.glob("*.consent.json")}
    if plan is not None:
        found &= {load_plan(plan).digest()}
    for plan_hash in sorted(found):
        Consents(place).withdraw(plan_hash)
        screen().print(f"Withdrawn: {plan_hash[:12]}...")
    if not found:
        screen().print("There was no consent to withdraw.")
