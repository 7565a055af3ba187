"""The quick look at every upload of one participant, ready for its turns."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from tithe.audit.upload_check import UploadCheck, UploadChecker
from tithe.parties.participant import Participant
from tithe.sharing.codec import decode


class UploadLook:
    """Looks at what a participant sends, against its own rows; for that participant alone.

    What does not change from turn to turn is made at the first look.

    Args:
      participant: whose uploads.
      make_module: a network of d parameters.
      public: features and labels of rows that nobody trains on: strangers, and what the network
        thinks of each class.
      num_classes: c.
      sends_largest: see ``Plan.sends_largest``.
    """

    def __init__(
        self,
        participant: Participant,
        make_module: Callable[[], nn.Module],
        public: tuple[Tensor, Tensor],
        *,
        num_classes: int,
        sends_largest: bool,
    ) -> None:
        self._participant = participant
        self._make_module = make_module
        self._public = public
        self._num_classes = num_classes
        self._sends_largest = sends_largest
        self._checker: UploadChecker | None = None

    def at(self, payload: bytes, downloaded: Tensor, *, learning_rate: float) -> UploadCheck:
        """Looks at one upload.

        Args:
          payload: its codec bytes.
          downloaded: the parameters that the turn began from, shape ``(d,)``.
          learning_rate: alpha of the turn.
        """
        participant = self._participant
        num_rows = len(participant.shard)
        private = participant.private
        return self._ready().check(
            decode(payload, size=downloaded.numel()),
            downloaded,
            learning_rate=learning_rate,
            batch_size=(private or participant.training).batch_size,
            num_steps=private.num_steps if private else participant.training.num_steps(num_rows),
        )

    def _ready(self) -> UploadChecker:
        if self._checker is None:
            self._checker = UploadChecker(
                self._make_module(),
                *self._participant.shard.tensors(),
                *self._public,
                num_classes=self._num_classes,
                sends_largest=self._sends_largest,
            )
        return self._checker
