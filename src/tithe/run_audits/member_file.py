"""A file that lists who a model was trained on: rows of a plan's training part, by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from tithe.audit.scores import Integers
from tithe.build import Built
from tithe.checks import BadInput
from tithe.data.shard import Shard
from tithe.plan import Plan, load_plan
from tithe.run_audits.pool import FEWEST, Pool

MEMBERS, OTHERS = "members", "non_members"


def listed_pool(path: Path, built: Built, *, most_records: int, seed: int) -> Pool:
    """Members by a list, and as many strangers by a list or from the test rows.

    Args:
      path: a .npz with an array ``members``, numbers of rows of the training part from 0, and
        perhaps ``non_members``, likewise.
      built: of the plan whose data they are, with all rows in one hand, see ``undealt``.
      most_records: members at most, >= 20.
      seed: of the draw.
    Raises:
      BadInput: the file is damaged, a row does not exist or is on both sides, or too few are left
        on a side.
    """
    (everybody,) = built.phases[0].participants
    shard, num_test = everybody.shard, len(built.test_labels)
    listed, others = read_members(path, num_rows=len(shard.data))
    num = min(most_records, len(listed), num_test // 2 if others is None else len(others))
    if num < FEWEST:
        strangers = f"{num_test} test rows" if others is None else str(len(others))
        raise BadInput(
            f"an audit needs at least {FEWEST} members and as many others, or twice as many test "
            f"rows, got {len(listed)} and {strangers}"
        )
    rng = np.random.default_rng(seed)
    members = np.sort(rng.permutation(listed)[:num])
    test = rng.permutation(num_test)
    features, labels = _seen(shard, members)
    if others is None:
        chosen, rest = np.sort(test[:num]), np.sort(test[num:])
        rows = len(shard.data) + chosen
        its_features, its_labels = built.test_features[chosen], built.test_labels[chosen]
    else:
        rows, rest = np.sort(rng.permutation(others)[:num]), np.sort(test)
        its_features, its_labels = _seen(shard, rows)
    return Pool(
        features=torch.cat([features, its_features]),
        labels=torch.cat([labels, its_labels]),
        rows=np.concatenate([members, rows]),
        owners=np.zeros(num, dtype=np.int64),
        population_features=built.test_features[rest],
        population_labels=built.test_labels[rest],
        data=shard.data,
        shards=(shard,),
    )


def read_members(path: Path, *, num_rows: int) -> tuple[Integers, Integers | None]:
    """The listed members, and the listed others if there are any; each row once, ascending.

    Raises:
      BadInput: the file is missing, damaged or of another form, a row does not exist, or one is on
        both sides.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if MEMBERS not in file.files:
                raise BadInput(f"{path} must hold an array {MEMBERS} of numbers of rows")
            members = _rows(file[MEMBERS], path, MEMBERS, num_rows)
            others = _rows(file[OTHERS], path, OTHERS, num_rows) if OTHERS in file.files else None
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; check the path") from error
    except BadInput:
        raise
    except (OSError, ValueError, TypeError, AttributeError, BadZipFile) as error:
        raise BadInput(f"{path} is damaged or no .npz; it cannot be read") from error
    both = 0 if others is None else len(np.intersect1d(members, others))
    if both:
        raise BadInput(f"{path} has {both} rows among members and non_members; each is one of them")
    return members, others


def _rows(found: np.ndarray, path: Path, name: str, num_rows: int) -> Integers:
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise BadInput(
            f"{path}: {name} must be one column of whole numbers, got {found.dtype} of shape "
            f"{found.shape}"
        )
    if len(found) and (found.min() < 0 or found.max() >= num_rows):
        raise BadInput(
            f"{path}: {name} must be rows of the training part, 0 to {num_rows - 1}, got "
            f"{found.min()} to {found.max()}"
        )
    return np.unique(found).astype(np.int64)


def _seen(shard: Shard, rows: Integers) -> tuple[Tensor, Tensor]:
    """What a network sees of some rows of the training part, and their labels."""
    return replace(shard, rows=torch.from_numpy(rows), held=None).tensors()


def _require_numbered(plan: Plan) -> None:
    if plan.data.train_rows:
        raise BadInput(
            "data.train_rows draws a part of the training rows, so that numbers of rows mean "
            "nothing; set it to 0 to audit with a list of members"
        )
    if plan.data.normalise == "own":
        raise BadInput(
            'with data.normalise = "own" a list of members does not tell what the network saw of '
            "each; name constants"
        )


def undealt(plan: Plan) -> Plan:
    """The plan with all training rows in one hand, each once, so that their numbers name them.

    Raises:
      BadInput: the plan takes a part of the rows, or normalises by each participant's own.
    """
    _require_numbered(plan)
    table = plan.to_table()
    table["partition"] = {"kind": "even", "participants": 1}
    table["baselines"] = {"centralised": False, "standalone": 0}
    for section in ("balance", "privacy", "participant"):
        table.pop(section, None)
    return load_plan(table)
