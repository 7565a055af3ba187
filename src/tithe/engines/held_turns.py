"""Turns that were taken and whose upload has not arrived yet, as tensors and plain data."""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from tithe.parties.participant import Turn


def held_to_tensors(held: dict[int, Turn]) -> tuple[dict[str, Tensor], list[list[object]]]:
    """Payloads as uint8 tensors, the rest as JSON-ready rows (place, fields of the turn)."""
    tensors = {}
    rows: list[list[object]] = []
    for place, turn in sorted(held.items()):
        fields = asdict(turn)
        payload = fields.pop("payload")
        tensors[f"payload_of_{place}"] = torch.frombuffer(
            bytearray(payload or b"\0"), dtype=torch.uint8
        )
        fields["has_payload"] = bool(payload)
        fields["epsilon"] = str(turn.epsilon)  # JSON has no infinity
        rows.append([place, fields])
    return tensors, rows


def held_from_tensors(tensors: dict[str, Tensor], rows: object) -> dict[int, Turn]:
    """The inverse of ``held_to_tensors``."""
    assert isinstance(rows, list)
    held = {}
    for place, fields in rows:
        values = dict(fields)
        payload = tensors[f"payload_of_{place}"].numpy().tobytes()
        values["payload"] = payload if values.pop("has_payload") else b""
        values["epsilon"] = float(values["epsilon"])
        held[int(place)] = Turn(**values)
    return held
