"""``tithe audit``: what leaves, held against what is claimed of it."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tithe.cli.audit_insider import insider
from tithe.cli.audit_model import model, scores
from tithe.cli.audit_property import about_property
from tithe.cli.audit_rehearse import rehearse
from tithe.cli.audit_uploads import invert, uploads
from tithe.cli.exit_codes import FAILED, in_sentences
from tithe.cli.in_words import figure
from tithe.cli.options import Overrides
from tithe.cli.screen import complain, screen

if TYPE_CHECKING:
    from tithe.code_audits import Audited
    from tithe.plan import Plan

audit = typer.Typer(
    help="Hold what leaves against what is claimed of it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
audit.command()(model)
audit.command()(scores)
audit.command()(uploads)
audit.command()(invert)
audit.command()(insider)
audit.command("property")(about_property)
audit.command()(rehearse)

PlanOption = Annotated[
    Path | None,
    typer.Argument(metavar="[PLAN]", help="A plan whose way of privacy is tried; else all."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Seed = Annotated[int, typer.Option("--seed", help="Of all draws.")]
Confidence = Annotated[
    float, typer.Option("--confidence", help="That sound code is not accused, each by itself.")
]


@audit.command()
@in_sentences
def mechanism(
    path: PlanOption = None,
    *,
    overrides: Overrides = None,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="The claim of a turn at which the code is tried.")
    ] = 1.0,
    runs: Annotated[int, typer.Option("--runs", help="Of each side of each pair.")] = 1000,
    confidence: Confidence = 0.999,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Play the mechanisms that deploy on neighbouring changes, against what they charge.

    Exit code 1 if a claim is rejected.
    """
    from tithe.code_audits import audit_mechanisms

    found = audit_mechanisms(
        _plan(path, overrides), epsilon=epsilon, num_runs=runs, confidence=confidence, seed=seed
    )
    _show(found, json=json, what="runs a side", confidence=confidence)


@audit.command()
@in_sentences
def dpsgd(
    path: PlanOption = None,
    *,
    overrides: Overrides = None,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="The claim of the training, at delta 1e-9.")
    ] = 2.0,
    steps: Annotated[int, typer.Option("--steps", help="Of the training.")] = 300,
    canaries: Annotated[int, typer.Option("--canaries", help="More can show more.")] = 2000,
    confidence: Confidence = 0.999,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Train once by DP-SGD with canaries among digits, against what the accountant says.

    Exit code 1 if the claim is rejected.
    """
    from tithe.code_audits import audit_dp_sgd

    found = audit_dp_sgd(
        _plan(path, overrides),
        epsilon=epsilon,
        num_steps=steps,
        num_canaries=canaries,
        confidence=confidence,
        seed=seed,
    )
    _show([found], json=json, what="canaries", confidence=confidence)


def _plan(path: Path | None, overrides: list[str] | None) -> Plan | None:
    from tithe.plan import load_plan

    if path is None and not overrides:
        return None
    return load_plan({} if path is None else path, overrides or [])


def _show(found: Iterable[Audited], *, json: bool, what: str, confidence: float) -> None:
    """A line as each finding comes; at the end what it means, and the exit code."""
    lines = []
    table = Table("way", "claimed", "shown, at least", "could show at most", "delta", what, "claim")
    for each in found:
        line = _plain(each)
        lines.append(line)
        verdict = "REJECTED" if line["is_rejected"] else "stands"
        cells = [figure(line[key]) for key in ("claimed", "shown", "ceiling")]  # type: ignore[arg-type]
        table.add_row(str(line["way"]), *cells, f"{line['delta']:g}", f"{line['size']:,}", verdict)
    rejected = [line for line in lines if line["is_rejected"]]
    if json:
        report = {"confidence": confidence, "is_rejected": bool(rejected), "findings": lines}
        screen().out(json_text.dumps(report), highlight=False)
    else:
        screen().print(table)
        screen().print(
            "A claim that stands is not proven; more runs or canaries could show more. One that is "
            f"rejected is wrong, but for one time in {1 / (1 - confidence):,.0f}.",
            soft_wrap=True,
        )
    if rejected:
        names = ", ".join(str(line["way"]) for line in rejected)
        complain(f"the claim is rejected for: {names}")
        raise typer.Exit(FAILED)


def _plain(audited: Audited) -> dict[str, object]:
    from tithe.audit.training_audit import TrainingFinding

    finding = audited.finding
    if isinstance(finding, TrainingFinding):
        ceiling, size = finding.by_sum.ceiling, finding.num_canaries
    else:
        ceiling, size = finding.ceiling, finding.num_runs
    return {
        "way": audited.name,
        "claimed": finding.claimed,
        "shown": finding.shown,
        "ceiling": ceiling,
        "delta": finding.delta,
        "size": size,
        "is_rejected": finding.is_rejected,
    }
