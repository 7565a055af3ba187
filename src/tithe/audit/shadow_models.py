"""Shadow models: the audited training repeated on random halves of a pool, kept on disk.

Each is trained once, on all cores, and what it says of every record is kept in a file of its own;
an audit that was interrupted goes on where it stopped, and every attack uses the same models.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tithe.audit.scores import Floats, Integers, Truths
from tithe.checks import BadInput, require_at_least
from tithe.record import write_atomically

TrainAndAsk = Callable[[Integers, int], Floats]
"""Trains on these rows of the pool with this seed and gives the log-odds of every record that any
attack asks about, shape ``(m,)``: the pool's n first, then any others, the same for all models."""

_RECIPE = "recipe.json"


@dataclass(frozen=True, eq=False)
class Shadows:
    """What shadow models say.

    Attributes:
      log_odds: shape ``(k, n)``, of the pool's records.
      others: shape ``(k, m - n)``, of further records that no shadow model saw.
      is_in: which record each model saw, shape ``(k, n)``.
    """

    log_odds: Floats
    others: Floats
    is_in: Truths

    def first(self, count: int) -> Shadows:
        """The first so many of them."""
        return Shadows(self.log_odds[:count], self.others[:count], self.is_in[:count])


def halves(pool_size: int, count: int, *, seed: int) -> Truths:
    """Which record each model sees, ``(count, pool_size)``: random halves and their complements.

    Every pair of models sees each record once, so an even count gives each record as many models
    with it as without.

    Args:
      pool_size: n, >= 2.
      count: k, >= 1.
      seed: of the halves; the coins of the audited training must not depend on it.
    """
    require_at_least(1, count=count)
    require_at_least(2, pool_size=pool_size)
    rng = np.random.default_rng(seed)
    is_in = np.zeros((count, pool_size), dtype=np.bool_)
    for number in range(0, count, 2):
        is_in[number, rng.permutation(pool_size)[: pool_size // 2]] = True
        if number + 1 < count:
            is_in[number + 1] = ~is_in[number]
    return is_in


def train_shadows(
    train: TrainAndAsk,
    *,
    pool_size: int,
    count: int,
    seed: int,
    recipe: object,
    folder: Path | None = None,
    num_processes: int = 0,
) -> Shadows:
    """Trains what is not in the folder yet and gives what all of them say.

    Args:
      train: the training that is audited, on other rows; see ``TrainAndAsk``.
      pool_size: n records of which each model sees half.
      count: k models.
      seed: of halves and trainings.
      recipe: JSON-ready facts that decide what ``train`` gives: network, training, data. A folder
        with shadow models of another recipe is refused.
      folder: where they are kept, as private as the data; None keeps nothing.
      num_processes: 0 takes one for each core; 1 trains here.
    Raises:
      BadInput: the folder holds shadow models of another recipe, pool or seed, or a damaged file;
        or ``train`` does not tell of the pool's records.
    """
    is_in = halves(pool_size, count, seed=seed)
    known = _Kept(folder, {"recipe": recipe, "pool_size": pool_size, "seed": seed})
    missing = [number for number in range(count) if not known.has(number)]
    jobs = [(number, np.flatnonzero(is_in[number]).astype(np.int64)) for number in missing]
    num_processes = min(num_processes or os.cpu_count() or 1, max(1, len(jobs)))
    if num_processes == 1 or "fork" not in multiprocessing.get_all_start_methods():
        for number, rows in jobs:
            known.keep(number, train(rows, seed + 1 + number))
    else:
        with ProcessPoolExecutor(
            num_processes,
            mp_context=multiprocessing.get_context("fork"),
            initializer=_begin,
            initargs=(train,),
        ) as pool:
            seeds = [seed + 1 + number for number, _ in jobs]
            told = pool.map(_train, [rows for _, rows in jobs], seeds)
            for (number, _), log_odds in zip(jobs, told, strict=True):
                known.keep(number, log_odds)
    all_told = np.stack([known.read(number) for number in range(count)])
    if all_told.ndim != 2 or all_told.shape[1] < pool_size:
        raise BadInput(
            f"train must give the log-odds of at least the {pool_size} records of the pool, got "
            f"shape {all_told.shape[1:]}"
        )
    return Shadows(all_told[:, :pool_size], all_told[:, pool_size:], is_in)


class _Kept:
    """The log-odds of each model, in files if there is a folder, else in memory."""

    def __init__(self, folder: Path | None, facts: dict[str, object]) -> None:
        self._folder = folder
        self._told: dict[int, Floats] = {}
        if folder is None:
            return
        mark = json.dumps(facts, sort_keys=True, indent=1).encode()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / _RECIPE
        if not path.exists():
            write_atomically(path, mark)
        elif path.read_bytes() != mark:
            raise BadInput(
                f"{folder} holds shadow models of another recipe, pool or seed; name another folder"
            )

    def has(self, number: int) -> bool:
        return number in self._told or (self._folder is not None and self._path(number).exists())

    def keep(self, number: int, log_odds: Floats) -> None:
        self._told[number] = np.asarray(log_odds, dtype=np.float64)
        if self._folder is not None:
            buffer = io.BytesIO()
            np.save(buffer, self._told[number], allow_pickle=False)
            write_atomically(self._path(number), buffer.getvalue())

    def read(self, number: int) -> Floats:
        if number not in self._told:
            path = self._path(number)
            try:
                self._told[number] = np.load(path, allow_pickle=False)
            except (OSError, ValueError) as error:
                raise BadInput(f"{path} is damaged; delete it and it is trained again") from error
        return self._told[number]

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"shadow-{number:04d}.npy"


def fingerprint(*arrays: torch.Tensor) -> str:
    """SHA-256 over shapes, types and values: what a recipe says about its data."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{tuple(array.shape)}".encode())
        digest.update(array.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


_train_here: TrainAndAsk | None = None


def _begin(train: TrainAndAsk) -> None:
    """One thread a process, since there is one process a core; forked, so nothing is pickled."""
    global _train_here  # noqa: PLW0603  # the one thing a worker of the pool knows
    torch.set_num_threads(1)
    _train_here = train


def _train(rows: Integers, seed: int) -> Floats:
    assert _train_here is not None
    return _train_here(rows, seed)
