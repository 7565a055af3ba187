"""``tithe audit rehearse``: before joining, what would be told by this recipe, and by others?"""

from __future__ import annotations

import json as json_text
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tithe.cli.audit_outcome import Json, Seed
from tithe.cli.exit_codes import in_sentences
from tithe.cli.in_words import figure, spoken
from tithe.cli.options import DataRoot, Overrides
from tithe.cli.own_data import DataOptions, OwnData, options_of
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tithe.run_audits.rehearsed import Impossible, Rehearsed

_HEADS = ("bytes up", "use", "AUC", "named", "alone", "miscounted", "epsilon")
_LEGEND = (
    "use: cosine of what is sent with what plain training would change. AUC: members told from "
    "others by an observer who holds all candidates' records; 0.5 is chance. named: members, with "
    "at most one wrong accusation (by chance). alone: records that the first layer shows "
    "(strangers). miscounted: share of records in a wrong class (by a guess that all classes are "
    "alike). epsilon: of the whole training. !: forbidden by the rules; *: safe; ?: cannot tell."
)


@in_sentences
def rehearse(
    path: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan you may join.")],
    *,
    overrides: Overrides = None,
    data: OwnData = None,
    data_options: DataOptions = None,
    records: Annotated[
        int,
        typer.Option("--records", min=20, help="Behind each rehearsed upload, at most."),
    ] = 300,
    seed: Seed = 1,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the findings as JSON.")
    ] = None,
    root: DataRoot = None,
    json: Json = False,
) -> None:
    """Play PLAN's recipe and others on your rows or public ones, and attack what they would send.

    Sweeps theta_u, batch, local steps and noise; names the cheapest recipe that is protected and
    tells nothing here. Sends nothing.
    """
    from tithe.plan import load_plan
    from tithe.record import write_atomically
    from tithe.run_audits.rehearsal import rehearse as play
    from tithe.run_audits.rehearsed import Rehearsed, cheapest_safe

    plan = load_plan(path, overrides or [])
    options = options_of(data_options or ())
    found: list[Rehearsed | Impossible] = []
    for each in play(
        plan, data=data, options=options, num_records=records, seed=seed, data_root=root
    ):
        found.append(each)
        if not json:
            complain(f"played: {each.name}")
    played = [each for each in found if isinstance(each, Rehearsed)]
    best = cheapest_safe(played)
    told = json_text.dumps(
        {
            "plan": plan.name,
            "records": played[0].check.num_records if played else 0,
            "recipes": [_plain(each) for each in found],
            "cheapest_safe": None if best is None else best.name,
            "changes": [] if best is None else list(best.changes),
        },
        indent=1,
    )
    if out is not None:
        write_atomically(out, told.encode() + b"\n")
    if json:
        screen().out(told, highlight=False)
        return
    screen().print(_table(played))
    for sentence in _sentences(found, best):
        screen().print(sentence, soft_wrap=True)


def _table(played: list[Rehearsed]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    for head in _HEADS:
        table.add_column(head, justify="right", no_wrap=True)
    for each in played:
        separation, check = each.separation, each.check
        alone = "-"
        if check.num_isolated is not None:
            alone = f"{check.num_isolated} ({check.num_isolated_control})"
        wrong = "-" if check.share_miscounted is None else f"{check.share_miscounted:.2f}"
        table.add_row(
            f"{each.name} {_mark(each)}".rstrip(),
            f"{each.bytes_up:,.0f}",
            f"{each.cosine:.2f}",
            f"{separation.auc:.3f}",
            f"{separation.named.count} ({separation.named.chance:.0f})",
            alone,
            f"{wrong} ({check.share_by_guess:.2f})",
            figure(each.epsilon),
        )
    return table


def _mark(each: Rehearsed) -> str:
    if each.verdict == "not safe":
        return "!" if any(one.forbids for one in each.objections) else ""
    return "*" if each.is_safe else "?"


def _sentences(found: list[Rehearsed | Impossible], best: Rehearsed | None) -> Iterator[str]:
    """What the table means, in a few lines."""
    from tithe.run_audits.rehearsed import Impossible, Rehearsed

    yield _LEGEND
    for each in found:
        if isinstance(each, Impossible):
            yield f"Not played: {each.name}: {each.reason}"
    planned = found[0]
    if isinstance(planned, Rehearsed):
        for objection in planned.objections:
            yield f"As planned: {objection.sentence}."
        if math.isinf(planned.epsilon) and not planned.separation.named.count:
            yield "As planned nobody was named here, and its epsilon is infinite all the same."
    unsure = [
        each for each in found if isinstance(each, Rehearsed) and each.verdict == "cannot tell"
    ]
    if unsure:
        yield _too_few(unsure[0])
    if best is None:
        others = "each of the others" if unsure else "each"
        yield f"None of these recipes is safe: {others} is without noise, or told more than chance."
        return
    changes = " ".join(f"--set {change}" for change in best.changes)
    yield f"The cheapest safe recipe (*): {best.name}. {changes or 'It is the planned one.'}"
    yield "Safe means: protected by noise, and no attack of this rehearsal told more than chance."


def _too_few(each: Rehearsed) -> str:
    """Why recipes that told nothing are not called safe, and how many records would do."""
    from tithe.run_audits.rehearsal import records_that_would_do

    test, separation = each.self_test, each.separation
    records = records_that_would_do(test)
    return (
        f"?: cannot tell. Nothing was found, but neither is a planted leak found among "
        f"{separation.num_members} pooled members and {separation.num_non_members} others "
        f"({test.num_enough} of each would do), so nothing found means nothing. Play with "
        f"--records {records} or more, for which {2 * records} rows are needed; public rows will "
        "do (--data)."
    )


def _plain(each: Rehearsed | Impossible) -> dict[str, object]:
    """One recipe for a script."""
    from tithe.run_audits.rehearsed import Impossible

    if isinstance(each, Impossible):
        return {"name": each.name, "changes": list(each.changes), "not_played": each.reason}
    return {
        "name": each.name,
        "changes": list(each.changes),
        "bytes_up": each.bytes_up,
        "cosine": each.cosine,
        "member_list": asdict(each.separation),
        "check": asdict(each.check),
        **spoken({"epsilon": each.epsilon}),
        "objections": [asdict(one) for one in each.objections],
        "self_test": asdict(each.self_test),
        "verdict": each.verdict,
        "is_safe": each.is_safe,
    }
