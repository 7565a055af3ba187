"""What an observer of uploads believes of participants with a property, and without, each turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tithe.audit.property_inference import (
    Features,
    PropertyObserver,
    features_by_unit,
    train_observer,
)
from tithe.audit.scores import Floats
from tithe.run_audits.property_rows import MarkedRows, PropertyRows, Wanted
from tithe.run_audits.turn_on_rows import TurnToPlay
from tithe.run_audits.upload_source import UploadSource, learning_rate_of
from tithe.sharing.codec import decode
from tithe.sharing.update import SparseUpdate
from tithe.storage.uploads import SentUpload

_A_TURN = 1_000_000  # seeds that no other turn uses


@dataclass(frozen=True, eq=False)
class Beliefs:
    """The observer's belief that the property holds, in [0, 1].

    Attributes:
      present: of participants that have it, shape ``(n,)``; absent: of those without.
      control: of as many others without it, made like ``absent``; whoever tells them from those
        sees something that is not the property.
      own: of the audited participant, from what it really sent.
    """

    present: Floats
    absent: Floats
    control: Floats
    own: float


class PropertyTrial:
    """One observer a turn, each tried on the same participants.

    Args:
      source: of the uploads.
      rows: the property, the observer's rows, and what participants are made of.
      num_rehearsals: that an observer learns from, of each kind, >= 2.
      num_tests: participants of each kind.
      seed: of all draws.
    """

    def __init__(
        self,
        source: UploadSource,
        rows: PropertyRows,
        *,
        num_rehearsals: int,
        num_tests: int,
        seed: int,
    ) -> None:
        self._source = source
        self._rows = rows
        self._num_rehearsals = num_rehearsals
        self._seed = seed
        self._module = source.make_module()
        self._read: Features = features_by_unit(self._module)
        self.present, self.absent, self.control = (
            self._wanted(kind=kind, start=seed + place * num_tests, count=num_tests)
            for place, kind in enumerate((True, False, False))
        )

    def read(self, upload: SentUpload) -> Beliefs:
        """Teaches an observer this turn, and asks it of everybody and of the real upload."""
        rows, downloaded = self._rows, upload.downloaded
        assert downloaded is not None
        base = self._seed + _A_TURN * (upload.turn + 1)

        def rehearse(kind: bool, seed: int) -> SparseUpdate:  # noqa: FBT001 - a ``Rehearse``
            return self._upload(upload, rows.wanted(kind=kind, seed=seed), rows.known, seed)

        observer = train_observer(
            rehearse, num_rehearsals=self._num_rehearsals, seed=base, read=self._read
        )
        start = base + 2 * self._num_rehearsals

        def asked(wanted: list[Wanted], first: int) -> Floats:
            return np.array(
                [self._belief(observer, upload, each, first + n) for n, each in enumerate(wanted)]
            )

        num = len(self.present)
        return Beliefs(
            present=asked(self.present, start),
            absent=asked(self.absent, start + num),
            control=asked(self.control, start + 2 * num),
            own=observer.belief([decode(upload.payload, size=downloaded.numel())]),
        )

    def _belief(
        self, observer: PropertyObserver, upload: SentUpload, wanted: Wanted, seed: int
    ) -> float:
        return observer.belief([self._upload(upload, wanted, self._rows.tried, seed)])

    def _upload(
        self, upload: SentUpload, wanted: Wanted, of: MarkedRows, seed: int
    ) -> SparseUpdate:
        """What a made-up participant would have sent in the place of the real upload."""
        assert upload.downloaded is not None
        features, labels = self._rows.made(wanted, of=of)
        turn = TurnToPlay(
            self._source.participant,
            upload.downloaded,
            self._module,
            learning_rate_of(self._source, upload),
        )
        return turn.upload_on(features, labels, number=upload.turn, seed=seed)

    def _wanted(self, *, kind: bool, start: int, count: int) -> list[Wanted]:
        return [self._rows.wanted(kind=kind, seed=start + n) for n in range(count)]


def over_turns(told: list[Beliefs]) -> Beliefs:
    """The mean over turns: what an observer believes who kept all uploads."""
    return Beliefs(
        present=np.mean([each.present for each in told], axis=0),
        absent=np.mean([each.absent for each in told], axis=0),
        control=np.mean([each.control for each in told], axis=0),
        own=float(np.mean([each.own for each in told])),
    )
