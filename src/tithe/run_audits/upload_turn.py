"""What one upload tells of each suspect: to the server, and to a peer who sees only the sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tithe.audit.lira import lira_online
from tithe.audit.member_list import Decoder, Decodes, OpenDecoder, Rehearsal, choose_ridge
from tithe.audit.scores import Floats, Integers, Truths
from tithe.audit.shadow_models import halves
from tithe.checks import BadInput
from tithe.run_audits.suspects import Suspects, gradients_at, rehearsal_of
from tithe.run_audits.upload_source import UploadSource, learning_rate_of
from tithe.sharing.codec import decode
from tithe.sharing.update import SparseUpdate
from tithe.storage.uploads import SentUpload

_MOST_COLUMNS = 20_000  # of a sum: the largest tell the most
_FOR_RIDGE = 4  # rehearsals of the first turn that choose it


@dataclass(frozen=True, eq=False)
class TurnTold:
    """What one upload told, the higher the more like a member, shape ``(2m,)`` each.

    Attributes:
      closed: log ratios of decoded weights, for an observer who holds all candidates.
      open: standardised, for one who holds a single candidate and a public sample.
      by_sum: decoded weights of everybody's sum; None without the others' uploads.
    """

    closed: Floats
    open: Floats
    by_sum: Floats | None


class TurnReader:
    """Reads one upload after another as the same observer would.

    Args:
      source: of the uploads.
      suspects: whom the observer looks for.
      num_rehearsals: of each turn, even, at least 4.
      seed: of the rehearsals.
    Raises:
      BadInput: another number of rehearsals.
    """

    def __init__(
        self, source: UploadSource, suspects: Suspects, *, num_rehearsals: int, seed: int
    ) -> None:
        if num_rehearsals < 4 or num_rehearsals % 2:
            raise BadInput(f"rehearsals must be even and at least 4, got {num_rehearsals}")
        self._source = source
        self._suspects = suspects
        self._num_rehearsals = num_rehearsals
        self._seed = seed
        self._module = source.make_module()
        self.ridge: float | None = None
        self.open_ridge: float | None = None

    def read(self, upload: SentUpload) -> TurnTold:
        """What this upload tells; the first one's rehearsals choose the ridges for all."""
        downloaded, suspects = upload.downloaded, self._suspects
        assert downloaded is not None
        update = decode(upload.payload, size=downloaded.numel())
        if not len(update):
            nothing = np.zeros(len(suspects.labels))
            return TurnTold(nothing, nothing, None)
        summed = _sum_of_turn(self._source, upload, update)
        columns = torch.cat([update.indices, *([] if summed is None else [summed.indices])])
        columns = columns.unique()
        gradients = gradients_at(
            self._module, downloaded, suspects.features, suspects.labels, columns
        )
        mine = gradients[:, torch.searchsorted(columns, update.indices)]
        public = gradients_at(
            self._module,
            downloaded,
            suspects.public_features,
            suspects.public_labels,
            update.indices,
        )
        one_by_one = OpenDecoder(mine, public)
        closed = self._closed(Decoder(mine), one_by_one, update, upload)
        assert self.open_ridge is not None
        openly = one_by_one.scores(update.values, ridge=self.open_ridge)
        by_sum = None
        if summed is not None:
            its = gradients[:, torch.searchsorted(columns, summed.indices)]
            assert self.ridge is not None
            by_sum = _standardised(Decoder(its).scores(summed.values, ridge=self.ridge))
        return TurnTold(closed, _standardised(openly), by_sum)

    def _closed(
        self, decoder: Decoder, one_by_one: OpenDecoder, update: SparseUpdate, upload: SentUpload
    ) -> Floats:
        """Decoded weights against those of rehearsed turns, on the coordinates really sent."""
        assert upload.downloaded is not None
        rehearse = rehearsal_of(
            self._source,
            self._suspects,
            upload.downloaded,
            module=self._module,
            learning_rate=learning_rate_of(self._source, upload),
            number=upload.turn,
        )
        seed = self._seed + 1000 * (upload.turn + 1)
        if self.ridge is None:
            played, took_part = self._played(rehearse, _FOR_RIDGE, seed=seed + 500)

            def chosen(by: Decodes) -> float:
                return choose_ridge(
                    [
                        Rehearsal(by, each.dense()[update.indices], part)
                        for each, part in zip(played, took_part, strict=True)
                    ]
                )

            self.ridge, self.open_ridge = chosen(decoder), chosen(one_by_one)
        played, is_in = self._played(rehearse, self._num_rehearsals, seed=seed)
        told = [decoder.scores(each.dense()[update.indices], ridge=self.ridge) for each in played]
        mine = decoder.scores(update.values, ridge=self.ridge)
        return lira_online(
            _standardised(mine), _standardised(np.stack(told)), is_in, variance="shrunk"
        )

    def _played(
        self, rehearse: Callable[[Integers, int], SparseUpdate], count: int, *, seed: int
    ) -> tuple[list[SparseUpdate], Truths]:
        """Turns on halves of the suspects, and who was in each."""
        is_in = halves(len(self._suspects.labels), count, seed=seed)
        played = [
            rehearse(np.flatnonzero(each).astype(np.int64), seed + 1 + number)
            for number, each in enumerate(is_in)
        ]
        return played, is_in


def _standardised(values: Floats) -> Floats:
    """Zero mean and unit spread along the records, so that turns of other sizes add up."""
    spread = values.std(axis=-1, keepdims=True)
    found: Floats = (values - values.mean(axis=-1, keepdims=True)) / np.maximum(spread, 1e-30)
    return found


def _sum_of_turn(
    source: UploadSource, upload: SentUpload, update: SparseUpdate
) -> SparseUpdate | None:
    """The sum of everybody's uploads of one turn, its largest entries; None without the others'."""
    if not source.others:
        return None
    whole = update.dense()
    for uploads in source.others.values():
        for each in uploads:
            if each.turn == upload.turn:
                whole += decode(each.payload, size=update.size).dense()
    count = min(_MOST_COLUMNS, int((whole != 0).sum()))
    indices = whole.abs().topk(count).indices.sort().values
    return SparseUpdate(indices, whole[indices], update.size)
