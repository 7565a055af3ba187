"""Optional packages: one clear sentence where one is missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from tithe.checks import BadInput


def needed(module: str, *, what: str, extra: str) -> ModuleType:
    """Imports a module that only some users have.

    Args:
      module: its dotted name.
      what: is written with it, as the subject of the sentence that says it is missing.
      extra: of this package, that brings it.
    Raises:
      BadInput: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise BadInput(
            f"{what} need a package that is not installed here; "
            f"`pip install 'tithe[{extra}]'` brings it"
        ) from error
