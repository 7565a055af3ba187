"""Measures every line of the picture and keeps each part in ``results/``.

``python experiments/privacy-frontier/measure.py [TEXT]`` does what has no result yet, of lines
whose name contains TEXT; an interrupted call goes on. Networks, uploads and reference models stay
in ``runs/privacy-frontier``, since they are as private as the rows; only figures are kept here.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import references
import torch
import uploads
import worst_case
from lines import Line, lines
from play import play

from tithe.build import Built, build

HERE = Path(__file__).parent
RUNS = HERE.parent.parent / "runs" / HERE.name
PARTS = ("training", "worst_case", "uploads", "model")


def main() -> None:
    """First what every line sends and shows, then, with reference models, what its network does."""
    torch.set_num_threads(1)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for parts in (PARTS[:-1], PARTS[-1:]):
        for line in lines():
            missing = [part for part in parts if not _path(line, part).exists()]
            if line.phase != "joint" and "uploads" in missing:
                missing.remove("uploads")  # data in one place are never uploaded so
            if wanted in line.name and missing:
                measure(line, build(line.plan), missing)


def measure(line: Line, built: Built, missing: list[str]) -> None:
    """These parts of one line."""
    kept = RUNS / f"{line.slug}.safetensors"
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "training": lambda: play(line, built, kept=kept).figures,
        "worst_case": lambda: worst_case.judge(line, built),
        "uploads": lambda: uploads.judge(line, built, play(line, built, kept=kept)),
        "model": lambda: references.judge(line, built, play(line, built, kept=kept), folder=RUNS),
    }
    for part in missing:
        _keep(_path(line, part), parts[part])


def read() -> dict[str, dict[str, Any]]:
    """The figures of every line that was trained, by part; a part that is not there is left out."""
    found = {}
    for line in lines():
        paths = {part: _path(line, part) for part in PARTS}
        parts = {
            part: json.loads(path.read_text())["figures"]
            for part, path in paths.items()
            if path.exists()
        }
        if "training" in parts:
            found[line.name] = parts
    return found


def _path(line: Line, part: str) -> Path:
    return HERE / "results" / f"{line.slug}-{part}.json"


def _keep(path: Path, judge: Callable[[], dict[str, Any]]) -> None:
    start = time.process_time()
    figures = judge()
    result = {
        "figures": figures,
        "cpu_seconds": round(time.process_time() - start, 1),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result) + "\n")
    print(path.stem, result["cpu_seconds"], "s", flush=True)


if __name__ == "__main__":
    main()
