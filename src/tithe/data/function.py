"""A user's own data from a function of hers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from tithe.checks import BadInput
from tithe.data.arrays import Array, Part, make_splits
from tithe.data.dataset import Splits


def call_function(place: str, *, options: Mapping[str, object]) -> Splits:
    """Calls ``module:function`` with the options as keyword arguments and takes what it returns.

    The module is looked for on the Python path and in the current folder. It may return ``Splits``,
    four arrays or tensors ``(x_train, y_train, x_test, y_test)``, or two torch data sets (train,
    test) of pairs (features, label); what the first calls its ``classes`` becomes the class names.

    Raises:
      BadInput: the function cannot be found, fails, or returns something else.
    """
    name = f"python:{place}"
    with _current_folder_on_path():
        function = _find(place, name)
        try:
            returned = function(**options)
        except BadInput:
            raise
        except Exception as error:  # the user's own code: told by type, its text may hold data
            raise BadInput(
                f"{name}: the function must return data, but raised {type(error).__name__}; call "
                "it by itself in Python to see where"
            ) from error
        if isinstance(returned, Splits):
            return returned
        return _as_splits(name, returned)


def _find(place: str, name: str) -> Callable[..., Any]:
    module_name, colon, function_name = place.partition(":")
    if not (module_name and colon and function_name):
        raise BadInput(f"{name}: must have the form python:module:function")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a module may raise anything while it is imported
        raise BadInput(
            f"{name}: module {module_name!r} must be importable from here, but raised "
            f"{type(error).__name__}; run from its folder or set PYTHONPATH"
        ) from error
    function: Callable[..., Any] | None = getattr(module, function_name, None)
    if not callable(function):
        raise BadInput(f"{name}: {function_name!r} must be a function of {module_name!r}, is not")
    return function


@contextmanager
def _current_folder_on_path() -> Iterator[None]:
    """A console script does not look into the current folder; a user expects it."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _as_splits(name: str, returned: object) -> Splits:
    classes = None
    if isinstance(returned, tuple | list) and len(returned) == 4:
        arrays = [_as_array(value, name) for value in returned]
        train, test = Part(arrays[0], arrays[1]), Part(arrays[2], arrays[3])
    elif (
        isinstance(returned, tuple | list)
        and len(returned) == 2
        and all(isinstance(part, TorchDataset) for part in returned)
    ):
        train, test = (_collect(part, name) for part in returned)
        stated = getattr(returned[0], "classes", None)
        classes = tuple(str(entry) for entry in stated) if stated else None
    else:
        raise BadInput(
            f"{name}: must return Splits, (x_train, y_train, x_test, y_test) or two torch data "
            f"sets, got {type(returned).__name__}"
        )
    for part in (train, test):
        if (
            part.features.ndim == 0
            or part.labels.ndim == 0
            or len(part.features) != len(part.labels)
        ):
            raise BadInput(
                f"{name}: features and labels must have one row each per example, got shapes "
                f"{part.features.shape} and {part.labels.shape}"
            )
    return make_splits(name, train, test, classes=classes, test_fraction=0.2, split_seed=0)


def _as_array(value: Any, name: str) -> Array:
    try:
        return np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{name}: {type(value).__name__} must convert to an array, does not"
        ) from error


def _collect(data: TorchDataset[Any], name: str) -> Part:
    """All pairs of a torch data set, stacked."""
    features, labels = [], []
    try:
        num_rows = len(data) if hasattr(data, "__len__") else None
        pairs = iter(data) if num_rows is None else (data[row] for row in range(num_rows))
        for feature, label in pairs:
            features.append(_as_array(feature, name))
            labels.append(_as_array(label, name))
        return Part(np.stack(features), np.stack(labels))
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{name}: a torch data set must give one or more pairs (features, label) of one shape, "
            f"got {len(labels)} before one that did not fit"
        ) from error
