"""Every run behind some figures at toy size, so that none of them rots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tithe.checks import BadInput
from tithe.experiment import run_experiment
from tithe.progress import Interrupted
from tithe.reproduction.article_epsilon import TRAININGS, epsilon_row
from tithe.reproduction.figures import OfAccountant, Rebuilt
from tithe.reproduction.grid import Job
from tithe.reproduction.toy import toy


def try_out(figures: Iterable[Rebuilt]) -> Iterator[tuple[str, str]]:
    """Carries out what is behind these figures at toy size, each run once, and forgets it.

    Seeds of one entry differ in nothing that could break, so the first stands for all.

    Yields:
      What was tried, and one sentence on what came out: it means nothing but that it still runs.
    Raises:
      BadInput: a plan that no longer runs; the message names it.
    """
    done: set[tuple[str, str]] = set()
    for each in figures:
        of = each.figure.ours
        if isinstance(of, OfAccountant):
            value = epsilon_row(TRAININGS[of.training], of.noise)[of.way]
            yield each.figure.name, f"epsilon {value:.4g}"
        for job in each.jobs[:1]:
            if (job.experiment, job.label) not in done:
                done.add((job.experiment, job.label))
                yield f"{job.experiment}, {job.label}", tried(job)


def tried(job: Job) -> str:
    """One run at toy size, in a folder that is gone afterwards; its verdict.

    Raises:
      BadInput: it no longer runs, for whatever reason.
    """
    try:
        with TemporaryDirectory(prefix="tithe-toy-") as folder:
            return run_experiment(toy(job.load()), Path(folder) / "run").verdict
    except Interrupted:
        raise
    except Exception as error:
        raise BadInput(
            f"{job.experiment}, {job.label!r}: no longer runs at toy size, "
            f"{type(error).__name__}: {error}"
        ) from error
