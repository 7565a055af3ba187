"""``tithe predict``: uses a run's model on your own data, on this machine alone."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tithe.cli.figures import percent
from tithe.cli.screen import screen

if TYPE_CHECKING:
    from tithe.joint_model import Predictions

_SCHEMES = {".npz": "npz", ".csv": "csv"}


def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A run's folder, or its model.safetensors."),
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A named set, a .npz, a .csv, a folder of images, or as in a plan."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="CSV", help="Write one line a row there.")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help="As under [data.options] of a plan."),
    ] = None,
) -> None:
    """Classify DATA with the joint model of a run.

    All of it stays on this machine; nothing is sent.
    """
    from tithe.experiment import predict as classify
    from tithe.plan.text import value_of

    if out is not None and out.is_dir():
        raise typer.BadParameter(f"--out must be a file, got the folder {out}")
    named: dict[str, object] = {}
    for option in options or []:
        name, equals, text = option.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f'--option must look like label=species, got "{option}"')
        named[name] = value_of(text)
    predictions = classify(model, source_of(data), options=named)
    if out is not None:
        _write_csv(predictions, out)
    _show(predictions, out)


def source_of(data: str) -> str:
    """A data source as a plan writes it, from a bare path too: ``a.npz`` is ``npz:a.npz``."""
    path = Path(data)
    if path.is_dir():
        return f"images:{data}"
    scheme = _SCHEMES.get(path.suffix.lower())
    return f"{scheme}:{data}" if scheme and ":" not in data else data


def _write_csv(predictions: Predictions, out: Path) -> None:
    from tithe.checks import BadInput

    names = predictions.class_names
    try:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "class", *(f"probability of {name}" for name in names)])
            for row, label in enumerate(predictions.labels):
                shares = [f"{share:.6f}" for share in predictions.probabilities[row]]
                writer.writerow([row, names[label], *shares])
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}") from error


def _show(predictions: Predictions, out: Path | None) -> None:
    console = screen()
    counts = Counter(predictions.labels)
    table = Table()
    table.add_column("class")
    table.add_column("rows", justify="right")
    for label, name in enumerate(predictions.class_names):
        table.add_row(name, str(counts[label]))
    console.print(f"{len(predictions.labels)} rows classified")
    console.print(table)
    if predictions.accuracy is not None:
        console.print(f"accuracy against the data's own labels: {percent(predictions.accuracy)}")
    if out is not None:
        console.print(f"predictions: {out}", soft_wrap=True)
    console.print("Everything stayed on this machine.")
