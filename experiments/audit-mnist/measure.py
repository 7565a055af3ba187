"""Measures one table of this folder and writes it between its marks in README.md.

``python experiments/audit-mnist/measure.py TABLE``; TABLE is a key of ``TABLES``. Figures are kept
as small JSON files in ``results/``; a figure that is there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import label_histogram
import local_epoch
import member_list
import one_record
import open_world
import private_training
import strategies
import torch
import trained_model

HERE = Path(__file__).parent
TABLES: dict[str, Any] = {
    "one-record": one_record,
    "local-epoch": local_epoch,
    "label-histogram": label_histogram,
    "member-list": member_list,
    "open-world": open_world,
    "trained-model": trained_model,
    "private-training": private_training,
    "strategies": strategies,
}


def main() -> None:
    """Measures what has no result yet, then rewrites the table."""
    parser = argparse.ArgumentParser(description="Measure one table.")
    parser.add_argument("table", choices=TABLES)
    name = parser.parse_args().table
    table = TABLES[name]
    torch.set_num_threads(1)
    found = []
    for setting in table.SETTINGS:
        path = HERE / "results" / f"{name}-{'-'.join(str(value) for value in setting)}.json"
        found.append(keep(path, lambda setting=setting: table.measure(*setting)))
        print(path.stem, found[-1]["figures"], f"{found[-1]['seconds']} s", flush=True)
    lines = [table.HEAD, "|" + " --- |" * (table.HEAD.count("|") - 1)]
    lines += [
        table.line(setting, each["figures"])
        for setting, each in zip(table.SETTINGS, found, strict=True)
    ]
    write(name, lines)


def keep(path: Path, measure: Callable[[], dict[str, float]]) -> dict[str, Any]:
    """The result in the file, measured first if there is none."""
    if not path.exists():
        start = time.process_time()
        figures = measure()
        result = {
            "figures": figures,
            "seconds": round(time.process_time() - start, 1),
            "torch": torch.__version__,
            "machine": platform.machine(),
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result) + "\n")
    return json.loads(path.read_text())


def write(name: str, lines: list[str]) -> None:
    """Replaces what stands between the table's marks."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = (HERE / "README.md").read_text()
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    (HERE / "README.md").write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail)


if __name__ == "__main__":
    main()
