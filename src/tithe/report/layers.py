"""Layers: how often each part of the flat vector was shared, from the server's counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from tithe.checks import BadInput

COUNTERS = "counters.safetensors"


@dataclass(frozen=True)
class Layer:
    """One tensor of the network: where it lies in the flat vector, and how often it was shared."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int
    mean: float
    highest: float
    never: float

    @property
    def num_parameters(self) -> int:
        """How many parameters it has."""
        return self.stop - self.start


def read_counts(directory: Path) -> NDArray[np.float32] | None:
    """The server's update counts ``(d,)``, or None if the run has not written them yet.

    Raises:
      BadInput: the file is damaged or holds something else.
    """
    path = directory / COUNTERS
    if not path.exists():
        return None
    try:
        counts = load_file(path).get("counts")
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is damaged: it is not a safetensors file") from error
    if counts is None or counts.ndim != 1 or not np.isfinite(counts).all():
        raise BadInput(f"{path} is damaged: it must hold one finite vector named counts")
    return np.asarray(counts, dtype=np.float32)


def layers(counts: NDArray[np.float32], described: Sequence[Mapping[str, Any]]) -> list[Layer]:
    """Each layer's counts in three numbers; the whole vector as one layer if none is described.

    Raises:
      BadInput: the layers do not lie in the vector.
    """
    whole: list[Mapping[str, Any]] = [
        {"name": "all parameters", "shape": [len(counts)], "start": 0, "stop": len(counts)}
    ]
    found = []
    for layer in described or whole:
        start, stop = int(layer["start"]), int(layer["stop"])
        if not 0 <= start <= stop <= len(counts):
            raise BadInput(
                f"layer {layer['name']} must lie in the {len(counts)} counters, "
                f"got {start} to {stop}; {COUNTERS} and about.json are of different runs"
            )
        if start < stop:
            part = counts[start:stop]
            found.append(
                Layer(
                    name=str(layer["name"]),
                    shape=tuple(layer["shape"]),
                    start=start,
                    stop=stop,
                    mean=float(part.mean(dtype=np.float64)),
                    highest=float(part.max()),
                    never=float((part == 0).mean()),
                )
            )
    return found


def binned(counts: NDArray[np.float32], *, num_cells: int) -> NDArray[np.float64]:
    """The mean count of so many equal stretches; a parameter fills several if there are fewer."""
    edges = np.arange(num_cells) * len(counts) // num_cells  # (num_cells,)
    stops = np.maximum(np.append(edges[1:], len(counts)), edges + 1)
    sums = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    mean: NDArray[np.float64] = (sums[stops] - sums[edges]) / (stops - edges)
    return mean
