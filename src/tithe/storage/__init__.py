"""What survives a crash: tensors with their plain data, and journals that only grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tithe.storage.tensors import load_tensors as load_tensors
    from tithe.storage.tensors import save_tensors as save_tensors

__all__ = ["load_tensors", "save_tensors"]


def __getattr__(name: str) -> object:
    """Imports one of the names above when it is asked for: a journal needs no PyTorch."""
    if name not in __all__:
        raise AttributeError(f"module 'tithe.storage' has no attribute {name!r}")
    from tithe.storage import tensors

    return getattr(tensors, name)
