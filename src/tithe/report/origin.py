"""Origin: how a run was made, and what may and may not be said about it."""

from __future__ import annotations

from collections.abc import Mapping

from tithe.report.facts import Facts
from tithe.report.wording import duration


def promises(facts: Facts) -> list[str]:
    """What holds of this run, and what does not, in plain sentences."""
    seed = facts.record.about.get("seed", "the plan")
    if facts.is_private:
        return _beside_noise(facts, seed)
    return [
        (
            "Each participant's rows stayed with it. What left were the places and values of the "
            "parameters it chose to share, and those were computed from its rows: nothing limits "
            "what they give away about them."
        ),
        (
            "Sharing a small part saves traffic. It is not a defence: published attacks recover "
            "training data from updates of which most was left out."
        ),
        (
            f"All randomness came from seed {seed}, so that the run can be repeated. That is right "
            "for a simulation, and wrong for anything that is to protect someone."
        ),
        (
            "Participants and server were simulated on one machine; no network, encryption or "
            "proof of identity took part."
        ),
    ]


def _beside_noise(facts: Facts, seed: object) -> list[str]:
    """What the noise of a private run does not protect."""
    randomness = (
        f"All randomness came from seed {seed}, the noise too, so that the run can be repeated. "
        "That is right for a simulation, and wrong for anything that is to protect someone."
    )
    if not facts.has_simulated_randomness:
        randomness = (
            "Noise and the choice of rows came from the operating system, so that nobody can "
            f"repeat them; everything else came from seed {seed}."
        )
    return [
        (
            "This record is not private. Its training losses and its noise against signal were "
            "worked out without noise, and its settings were chosen by whoever saw earlier runs. "
            "It is for those who may see the data."
        ),
        (
            "What leaves at all is no secret: who took part in which round, how many values an "
            "update had, and that a turn was refused."
        ),
        (
            "The baselines are not private. Alone, nothing leaves, so no noise is added; all data "
            "in one place is what nobody should do."
        ),
        randomness,
        (
            "Participants and server were simulated on one machine; no network, encryption or "
            "proof of identity took part."
        ),
    ]


def made(facts: Facts) -> list[tuple[str, str]]:
    """What somebody needs to make it again, as labels and values; what is unknown is left out."""
    about = facts.record.about
    summary = facts.record.summary or {}
    seconds = summary.get("seconds")
    rows = [
        ("Command", about.get("command")),
        ("Started", about.get("started")),
        ("Duration", duration(seconds) if isinstance(seconds, int | float) else None),
        ("Seed", about.get("seed")),
        ("Data", about.get("data_note")),
        ("Versions", _listed(about.get("versions"))),
        ("Machine", _listed(about.get("machine"))),
        ("Plan digest", about.get("plan_digest")),
    ]
    return [(label, str(value)) for label, value in rows if value not in (None, "")]


def _listed(values: object) -> str:
    """``{"torch": "2.13"}`` as ``torch 2.13``."""
    if not isinstance(values, Mapping):
        return str(values or "")
    return ", ".join(f"{name} {value}" for name, value in values.items())
