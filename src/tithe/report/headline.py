"""The headline: what came of a run in one sentence, and where an unfinished one stands."""

from __future__ import annotations

import shlex

from tithe.report.facts import Facts
from tithe.report.wording import percent, plural


def headline(facts: Facts) -> str:
    """As the run itself concluded; from its measurements if it was cut off before."""
    summary = facts.record.summary or {}
    told = summary.get("verdict")
    if facts.record.is_complete and isinstance(told, str) and told.strip():
        return told.strip().replace(" %", "\N{NO-BREAK SPACE}%")
    joint = facts.curves.get("joint")
    if joint is None:
        return "Nothing has been measured yet."
    sentence = f"Together the participants reach {percent(joint.last.accuracy)}"
    sentence += f" after {plural(joint.last.round, 'round')}"
    beside = [
        f"{percent(facts.curves[phase].last.accuracy)} {words}"
        for phase, words in (("standalone", "alone"), ("centralised", "with all data in one place"))
        if phase in facts.curves
    ]
    return sentence + (f", against {' and '.join(beside)}." if beside else ".")


def interruption(facts: Facts) -> str:
    """Where an unfinished run stands; empty for a finished one."""
    if facts.record.is_complete:
        return ""
    done, planned = facts.rounds_done, facts.rounds_planned
    return (
        f"This run is not finished: {plural(done, 'round')} of {planned} are recorded. "
        "The figures below are of what is there."
    )


def remarks(facts: Facts) -> list[str]:
    """What a finished run's figures cannot tell, and why."""
    if not facts.record.is_complete or "joint" not in facts.curves:
        return []
    lacking = [name for name in ("standalone", "centralised") if name not in facts.curves]
    if not lacking and facts.gap_closed is None:
        return ["Alone and with all data in one place come out the same: there is no gap to close."]
    unknown = {
        "standalone": (
            "What a participant reaches alone was not measured; baselines.standalone in the plan "
            "adds it."
        ),
        "centralised": (
            "What all data in one place would reach was not measured; baselines.centralised in "
            "the plan adds it."
        ),
    }
    return [unknown[name] for name in lacking]


def resume_command(facts: Facts) -> str:
    """What to type to go on with an unfinished run; empty for a finished one."""
    if facts.record.is_complete:
        return ""
    return shlex.join(["tithe", "run", str(facts.record.directory), "--resume"])
