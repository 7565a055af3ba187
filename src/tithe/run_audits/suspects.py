"""Who is looked for in uploads: a participant's own rows, as many strangers, and public rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tithe.audit.record_gradients import record_gradients
from tithe.audit.scores import Integers, Truths
from tithe.checks import BadInput
from tithe.learning.flat import write_vector
from tithe.parties.participant import Participant
from tithe.run_audits.pool import held_rows
from tithe.run_audits.turn_on_rows import TurnToPlay
from tithe.run_audits.upload_source import UploadSource
from tithe.sharing.update import SparseUpdate

_FEWEST = 20
_MOST_PUBLIC = 300


@dataclass(frozen=True, eq=False)
class Suspects:
    """Records that an observer suspects, and what else belongs to the audit.

    Attributes:
      features: m of the participant's rows, then m strangers, shape ``(2m, ...)``.
      labels: shape ``(2m,)``.
      rows: of the m, which rows of the participant's they are, shape ``(m,)``.
      own_features, own_labels: the participant's other rows; they took part and nobody looks for
        them.
      public_features, public_labels: an observer's own sample.
    """

    features: Tensor
    labels: Tensor
    rows: Integers
    own_features: Tensor
    own_labels: Tensor
    public_features: Tensor
    public_labels: Tensor

    @property
    def took_part(self) -> Truths:
        """The truth, shape ``(2m,)``."""
        return np.arange(len(self.labels)) < len(self.rows)


def suspects_of(source: UploadSource, *, most_records: int, seed: int) -> Suspects:
    """Draws them.

    Raises:
      BadInput: there are too few rows on a side.
    """
    features, labels = held_rows(source.participant.shard).tensors()
    num_public = len(source.public_labels)
    num = min(most_records, len(labels), num_public // 2)
    if num < _FEWEST:
        raise BadInput(
            f"an audit needs at least {_FEWEST} rows of the participant and twice as many public "
            f"ones, got {len(labels)} and {num_public}; a participant with so few records has no "
            "crowd to hide in anyway"
        )
    rng = np.random.default_rng(seed)
    own, theirs = rng.permutation(len(labels)), rng.permutation(num_public)
    looked, rest = torch.from_numpy(np.sort(own[:num])), torch.from_numpy(np.sort(own[num:]))
    strangers = torch.from_numpy(np.sort(theirs[:num]))
    sample = torch.from_numpy(np.sort(theirs[num : num + _MOST_PUBLIC]))
    return Suspects(
        features=torch.cat([features[looked], source.public_features[strangers]]),
        labels=torch.cat([labels[looked], source.public_labels[strangers]]),
        rows=looked.numpy(),
        own_features=features[rest],
        own_labels=labels[rest],
        public_features=source.public_features[sample],
        public_labels=source.public_labels[sample],
    )


def rehearsal_of(
    source: UploadSource,
    suspects: Suspects,
    downloaded: Tensor,
    *,
    module: nn.Module,
    learning_rate: float,
    number: int,
) -> Callable[[Integers, int], SparseUpdate]:
    """The same turn on other rows: from rows of the suspects and a seed to what could be sent.

    Values are as a server would have them wherever something is sent; where nothing but choosing
    decides which are, all of them, since an observer compares on the coordinates it really got. A
    mask that everybody knows is the one of the real turn.

    Args:
      source: of the uploads.
      suspects: of whom a half takes part, with the participant's other rows.
      downloaded: where the turn begins, shape ``(d,)``.
      module: overwritten.
      learning_rate: of the turn.
      number: of the turn, 0, 1, ...
    """
    participant = source.participant
    turn = TurnToPlay(participant, downloaded, module, learning_rate)

    def rehearse(rows: Integers, seed: int) -> SparseUpdate:
        some = torch.from_numpy(rows)
        features = torch.cat([suspects.features[some], suspects.own_features])
        labels = torch.cat([suspects.labels[some], suspects.own_labels])
        if _has_noise_on_uploads(participant):
            return turn.upload_on(features, labels, number=number, seed=seed)
        return turn.change_on(features, labels, seed=seed)

    return rehearse


def gradients_at(
    module: nn.Module, downloaded: Tensor, features: Tensor, labels: Tensor, columns: Tensor
) -> Tensor:
    """Every record's gradient where a turn began, on some coordinates, ``(n, k)``."""
    write_vector(module, downloaded)
    return record_gradients(module, features, labels, columns=columns)


def _has_noise_on_uploads(participant: Participant) -> bool:
    return participant.cost is not None and participant.private is None
