"""What survives a crash: tensors with their plain data, and journals that only grow."""

from tithe.storage.tensors import load_tensors, save_tensors

__all__ = ["load_tensors", "save_tensors"]
