"""Tensors with their plain data in a file, put in place whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors
from safetensors.torch import load_file, save
from torch import Tensor

from tithe.checks import BadInput
from tithe.record import write_atomically


def save_tensors(path: Path, tensors: dict[str, Tensor], plain: object = None) -> None:
    """Writes the tensors and JSON-ready plain data as one safetensors file; durable on return."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, metadata={"plain": json.dumps(plain)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], object]:
    """The inverse of ``save_tensors``.

    Raises:
      BadInput: the file is missing or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            plain = json.loads((file.metadata() or {}).get("plain", "null"))
        return load_file(path), plain
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; check the path") from error
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise BadInput(f"{path} is damaged or no safetensors file; it cannot be read") from error
