"""Several participants train one network together and share a small, chosen part of it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tithe")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+source"

__all__ = ["__version__"]
