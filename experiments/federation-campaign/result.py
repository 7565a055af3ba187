"""What a campaign came to, as a few numbers."""

from __future__ import annotations

import os
import platform
from collections import Counter
from importlib.metadata import version


def summary(events: list[dict], *, seed: int) -> dict:
    """Kills by target and phase, and what every audit found.

    Args:
      events: all lines of ``events.jsonl``.
      seed: of the campaign.
    """
    kills = [each for each in events if each["what"] == "kill"]
    audits = [each for each in events if each["what"] == "audit"]
    last = audits[-1]
    phases: dict[str, Counter[str]] = {}
    for each in kills:
        kind = each["phase"] if each["target"].startswith("daemon") else ""
        if kind:
            phases.setdefault("daemon", Counter())[kind] += 1
        elif each["target"] == "server":
            phases.setdefault("server", Counter())[each["phase"]] += 1
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, flwr {version('flwr')}",
        "seed": seed,
        "seconds": events[-1]["at"],
        "kills": len(kills),
        "killed": dict(Counter(each["target"] for each in kills).most_common()),
        "phases": {who: dict(found.most_common()) for who, found in phases.items()},
        "all_at_once": len(audits),
        "audits_sound": sum(each["is_sound"] for each in audits),
        "lost": sum(len(each["lost"]) for each in audits),
        "doubled": sum(len(each["doubled"]) for each in audits),
        "refunded": sum(len(each["refunded"]) for each in audits),
        "foreign": sum(len(each["foreign"]) for each in audits),
        "replayed_bit_for_bit": all(each["is_replayed"] for each in audits),
        "uploads_applied": last["num_applied"],
        "uploads_sent": last["num_sent"],
        "charges": last["num_charged"],
    }
