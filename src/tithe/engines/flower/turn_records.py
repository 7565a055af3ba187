"""How a simulated turn travels: tensors and plain data as the content of Flower's messages."""

from __future__ import annotations

import json

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from torch import Tensor

_TENSORS, _PLAIN = "tensors", "plain"

MESSAGE_TYPE = "train"
"""The kind of every message of a simulation."""


def content_of(tensors: dict[str, Tensor], plain: dict[str, object]) -> RecordDict:
    """Tensors on the CPU and JSON-ready data as a message's content; both arrive bit for bit."""
    arrays = ArrayRecord({name: Array(tensor.numpy()) for name, tensor in tensors.items()})
    return RecordDict({_TENSORS: arrays, _PLAIN: ConfigRecord({"json": json.dumps(plain)})})


def read(content: RecordDict) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The inverse of ``content_of``; the tensors are the reader's own."""
    arrays = content.array_records[_TENSORS]
    plain = json.loads(str(content.config_records[_PLAIN]["json"]))
    assert isinstance(plain, dict)
    return {name: torch.from_numpy(array.numpy()) for name, array in arrays.items()}, plain
