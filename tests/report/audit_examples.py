"""An audit as it might have come out, for the pages that show it."""

from __future__ import annotations

import math
from typing import Any

from tithe.report.audit_facts import (
    Attack,
    AuditFacts,
    Curve,
    Epsilon,
    Exposed,
    Labels,
    Planted,
    Rate,
    Rebuilt,
    Slice,
    Turn,
)

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def attack(name: str = "RMIA", **changes: Any) -> Attack:
    """One attack with 1,000 members and as many others."""
    fields: dict[str, Any] = {
        "name": name,
        "observer": "whoever has the joint model",
        "given": ("the model", "<the record>"),
        "auc": 0.7,
        "auc_low": 0.67,
        "auc_high": 0.73,
        "advantage": 0.3,
        "advantage_chance": 0.03,
        "rates": (Rate(0.1, 300, 0.3, 0.27, 0.33), Rate(0.01, 50, 0.05, 0.04, 0.07),
                  Rate(0.0, 20, 0.02, 0.01, 0.03)),
        "named": 30,
        "named_chance": 2.0,
        "named_p_value": 1e-6,
        "num_members": 1000,
        "num_non_members": 1000,
        "confidence": 0.95,
        "roc": Curve((0.0, 0.01, 1.0), (0.02, 0.05, 1.0), (0.01, 0.04, 0.99), (0.03, 0.07, 1.0)),
    }  # fmt: skip
    return Attack(**(fields | changes))


def facts(**changes: Any) -> AuditFacts:
    """A whole audit, with a little of everything."""
    fields: dict[str, Any] = {
        "kind": "uploads",
        "name": "ward <7>",
        "headline": "RMIA",
        "attacks": (attack(), attack("loss", auc=0.55)),
        "epsilon": Epsilon(2.5, "by the ledger", 1.25, 4.5, 0.95, 1e-5, "9 of 10 right", "fair"),
        "planted": Planted(50, 50, is_found=True, num_enough=171),
        "assumed": ("the recipe is known",),
        "advice": ("train privately",),
        "made": {"Seed": "1"},
        "not_tried": {"LiRA online": "there are no models"},
        "slices": (Slice("class 3", 0.8, 4, 1.5, 100, 100),),
        "exposed": (Exposed("row 987123", "three", 2.5, is_right=False),),
        "turns": (
            Turn(0, 1.0, 0.6, 0.6, 3, 0.02, 1, 0, 0.1),
            Turn(1, math.inf, 0.7, 0.65, 30, 0.05, 2, 0, 0.2),
        ),
        "labels": Labels(("three", "four"), (30, 10), (28.4567, 11.5433), 0.04, 0.25),
        "gallery": (Rebuilt("row 987123", "three", PIXEL, PIXEL, PIXEL, 0.9, 0.6),),
        "gallery_words": "Inputs were rebuilt at correlation 0.90, the control has 0.60.",
        "when": {"Written": "2026-01-01"},
    }
    return AuditFacts(**(fields | changes))
