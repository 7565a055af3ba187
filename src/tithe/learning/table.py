"""A network for the rows of a table."""

from __future__ import annotations

import re
from collections import OrderedDict

from torch import nn

_NAME = re.compile(r"table-mlp-([1-9][0-9]{0,5})")
_HIDDEN = (64, 32)


def table_mlp(*, columns: int, num_classes: int = 2) -> nn.Module:
    """columns-64-32-classes with ReLU: 4,130 parameters for 30 columns and 2 classes.

    Args:
      columns: numbers a row, input ``(n, columns)``.
      num_classes: scores a row, shape ``(n, num_classes)`` out.
    """
    first, second = _HIDDEN
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            linear1=nn.Linear(columns, first),
            relu1=nn.ReLU(),
            linear2=nn.Linear(first, second),
            relu2=nn.ReLU(),
            linear3=nn.Linear(second, num_classes),
        )
    )


def table_name(columns: int) -> str:
    """The name of the network for rows of so many columns: ``table-mlp-30``."""
    return f"table-mlp-{columns}"


def columns_of(name: str) -> int | None:
    """The columns that a name of this kind tells; None if it is of another kind."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None
