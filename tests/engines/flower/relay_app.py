"""The shipped app's modules, imported as Flower imports them: as a package of its own."""

from __future__ import annotations

import importlib
import sys

from tithe.engines.flower.control import APP


def relay_app(name):
    sys.path.insert(0, str(APP))
    try:
        return importlib.import_module(f"tithe_relay.{name}")
    finally:
        sys.path.remove(str(APP))
