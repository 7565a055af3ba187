"""What participants carry from turn to turn, as tensors and plain data."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from tithe.parties.participant import ParticipantState


def states_to_tensors(states: Iterable[ParticipantState]) -> tuple[dict[str, Tensor], list[int]]:
    """The states' tensors under names with their place, and how many turns each has begun."""
    tensors: dict[str, Tensor] = {}
    num_turns = []
    for place, state in enumerate(states):
        num_turns.append(state.num_turns)
        if state.vector is not None:
            tensors[f"vector_of_{place}"] = state.vector
        if state.residual is not None:
            tensors[f"residual_of_{place}"] = state.residual
        if state.seen is not None:
            tensors[f"seen_by_{place}"] = state.seen
    return tensors, num_turns


def states_from_tensors(tensors: dict[str, Tensor], num_turns: object) -> list[ParticipantState]:
    """The inverse of ``states_to_tensors``; tensors with other names are left alone."""
    assert isinstance(num_turns, list)
    return [
        ParticipantState(
            turns,
            tensors.get(f"vector_of_{place}"),
            tensors.get(f"residual_of_{place}"),
            tensors.get(f"seen_by_{place}"),
        )
        for place, turns in enumerate(num_turns)
    ]
