"""A user's own data, from where she says it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from tithe.checks import BadInput
from tithe.data.arrays import as_features, make_splits
from tithe.data.dataset import Splits
from tithe.data.folder import read_images, read_images_features
from tithe.data.function import call_function
from tithe.data.npz import read_npz, read_npz_features
from tithe.data.options import read_options
from tithe.data.table import read_csv, read_csv_features

OWN_SCHEMES = ("npz", "csv", "images", "python")


def load_own(scheme: str, place: str, *, options: Mapping[str, object]) -> Splits:
    """Reads ``npz:PATH``, ``csv:PATH``, ``images:PATH`` or ``python:module:function``.

    Nothing is known of such data in public, so ``mean`` and ``std`` stay empty unless a function
    returns ``Splits`` that have them.

    Args:
      scheme: one of ``OWN_SCHEMES``.
      place: what follows its colon.
      options: see ``options.OwnOptions``; of ``python:``, keyword arguments of the function.
    Raises:
      BadInput: whatever keeps it from being a data set, in one sentence.
    """
    if scheme == "python":
        return call_function(place, options=options)
    path = _path(scheme, place)
    name = f"{scheme}:{path.name}"
    own = read_options(scheme, name, options)
    if scheme == "npz":
        train, test, note = read_npz(path)
    elif scheme == "csv":
        train, test, note = read_csv(path, own)
    else:
        train, test, note = read_images(path, own)
    return make_splits(
        name,
        train,
        test,
        classes=own.classes,
        test_fraction=own.test_fraction,
        split_seed=own.split_seed,
        note=note,
    )


def load_features(
    source: str, *, options: Mapping[str, object], columns: Sequence[str] = ()
) -> Tensor:
    """The rows of ``npz:PATH``, ``csv:PATH`` or ``images:PATH`` without labels, to predict.

    Args:
      source: where they are.
      options: as in training.
      columns: of a table, the feature columns of the training by name; none if they had no names.
    Raises:
      BadInput: another kind of source, or whatever keeps it from being rows.
    """
    scheme, _, place = source.partition(":")
    if scheme not in ("npz", "csv", "images"):
        raise BadInput(f"rows to predict must be npz:PATH, csv:PATH or images:PATH, got {source!r}")
    path = _path(scheme, place)
    name = f"{scheme}:{path.name}"
    own = read_options(scheme, name, options)
    if scheme == "npz":
        return as_features(read_npz_features(path), name=name)
    if scheme == "csv":
        return as_features(read_csv_features(path, own, columns), name=name)
    return as_features(read_images_features(path, own), name=name)


def _path(scheme: str, place: str) -> Path:
    path = Path(place).expanduser()
    if not place or not path.exists():
        raise BadInput(f"{scheme}:{place}: the path must exist, got none there")
    return path
