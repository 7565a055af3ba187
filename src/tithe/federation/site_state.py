"""What a participant must not forget between two turns, as one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from tithe.checks import BadInput
from tithe.parties.participant import ParticipantState
from tithe.storage import load_tensors, save_tensors


@dataclass(frozen=True)
class SiteState:
    """One run's state after its last turn.

    Attributes:
      own: what ``take_turn`` carries over.
      held: where everything is downloaded, the server's parameters after the last download,
        shape ``(d,)``; else None.
      sequence: of the last download answered, 0 if none.
      answer: the bytes that answered it.
      answered_at: when the turns of the last hour were answered, seconds since 1970.
    """

    own: ParticipantState = field(default_factory=ParticipantState)
    held: Tensor | None = None
    sequence: int = 0
    answer: bytes = b""
    answered_at: tuple[float, ...] = ()


def save_state(path: Path, state: SiteState) -> None:
    """Puts the state on the disk, whole or not at all; durable on return."""
    named = {
        "vector": state.own.vector,
        "residual": state.own.residual,
        "seen": state.own.seen,
        "held": state.held,
    }
    tensors = {name: tensor for name, tensor in named.items() if tensor is not None}
    if state.answer:
        tensors["answer"] = torch.frombuffer(bytearray(state.answer), dtype=torch.uint8)
    plain = {
        "num_turns": state.own.num_turns,
        "sequence": state.sequence,
        "answered_at": list(state.answered_at),
    }
    save_tensors(path, tensors, plain)


def load_state(path: Path) -> SiteState:
    """The state that was saved last; the first one where there is none.

    Raises:
      BadInput: the file is damaged.
    """
    if not path.exists():
        return SiteState()
    tensors, plain = load_tensors(path)
    if not isinstance(plain, dict):
        raise BadInput(f"{path} is no participant's state; it cannot be read")
    own = ParticipantState(
        plain["num_turns"], tensors.get("vector"), tensors.get("residual"), tensors.get("seen")
    )
    return SiteState(
        own,
        tensors.get("held"),
        plain["sequence"],
        tensors["answer"].numpy().tobytes() if "answer" in tensors else b"",
        tuple(plain["answered_at"]),
    )
