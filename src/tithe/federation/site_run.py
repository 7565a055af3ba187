"""One run at a participant's site: from a download to the one answer that it ever gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from torch import Tensor

from tithe.build.upload_look import UploadLook
from tithe.federation.drift import Drift
from tithe.federation.frames import (
    Acknowledgement,
    Download,
    LedgerMark,
    Refusal,
    RefusalCode,
    Upload,
    read_frame,
    write_frame,
)
from tithe.federation.own_ledger import OwnLedger
from tithe.federation.owned import Passing, owned_folder, unwatched
from tithe.federation.party import Party
from tithe.federation.sent import Sent
from tithe.federation.site_state import SiteState, load_state, save_state
from tithe.parties.participant import ParticipantState, lay_over, take_turn
from tithe.parties.upload_facts import upload_facts
from tithe.privacy.budget import Budget
from tithe.sharing.codec import decode
from tithe.sharing.update import MalformedUpdate, SparseUpdate
from tithe.storage.journal import DamagedJournal

_STATE = "state.safetensors"


class SiteRun:
    """Takes the turns of one run, each at most once.

    Guarantee: the ledger is charged, on the disk, before an upload exists; state and answer are on
    the disk together before the answer is handed out; a download that was answered gets the same
    bytes again and is neither trained nor charged again. A crash after the charge and before the
    state has cost its charge: the turn is taken anew and, but for simulated noise, charged anew.

    Args:
      folder: of this run, for its owner alone.
      ledger: path of the journal of these data.
      run: 16 bytes.
      party: what this participant carries out.
      key: its uploads are signed with it.
      has_drift_check: measure every download on held-out rows.
      passing: told the points at which a crash would leave something half done.
      tell: told what a human here should know, one sentence each.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Path,
        *,
        run: bytes,
        party: Party,
        key: Ed25519PrivateKey,
        has_drift_check: bool,
        passing: Passing = unwatched,
        tell: Callable[[str], None] = unwatched,
    ) -> None:
        self._path = owned_folder(folder) / _STATE
        self._run = run
        self._party = party
        self._key = key
        self._passing = passing
        self._tell = tell
        self._state = load_state(self._path)
        self._module = party.make_module().to(party.participant.device)
        self._look = UploadLook(
            party.participant,
            party.make_module,
            party.held_out,
            num_classes=party.participant.shard.data.num_classes,
            sends_largest=party.sends_largest,
        )
        self._ledger = OwnLedger(ledger, party.participant, run=run.hex())
        try:
            self._sent = Sent(folder / "sent", run=run.hex())
        except BaseException:
            self._ledger.close()
            raise
        self._drift = Drift(folder / "drift.jsonl", party) if has_drift_check else None

    @property
    def epsilon(self) -> float:
        """What all turns on these data have cost so far."""
        return self._ledger.epsilon

    @property
    def budget(self) -> Budget | None:
        """What all turns on these data may cost; None where nothing limits them."""
        return self._party.participant.budget

    @property
    def accuracy(self) -> float | None:
        """Of the last download on held-out rows; None if that is not measured, or not yet."""
        return self._drift.last if self._drift is not None else None

    @property
    def mark(self) -> LedgerMark:
        """The last row of the ledger."""
        return self._ledger.mark

    @property
    def num_turns(self) -> int:
        """How many turns were begun in this run."""
        return self._state.own.num_turns

    @property
    def answered_at(self) -> tuple[float, ...]:
        """When the last turns were answered, seconds since 1970."""
        return self._state.answered_at

    def has_answered(self, download: Download) -> bool:
        """Whether this very download was answered already, so that answering it costs nothing."""
        return download.sequence == self._state.sequence

    def was_refused(self, download: Download) -> int | None:
        """The turn whose upload the server did not take, as this next download shows; else None."""
        if self.has_answered(download) or not self._state.answer:
            return None
        last = read_frame(self._state.answer, most_payload=len(self._state.answer))
        if not isinstance(last, Upload) or download.turn <= last.turn:
            return None
        return last.turn if download.acknowledged.turn < last.turn else None

    def answer(self, download: Download, *, now: float) -> bytes:
        """The answer to a download: an upload, or a refusal.

        Args:
          download: of this run, from the server.
          now: seconds since 1970, kept with the answer.
        Raises:
          BadInput: the ledger or the disk refused; nothing may be answered.
        """
        if self.has_answered(download):
            return self._again(download)
        code, update = self._objection(download)
        if update is None:
            return self._refusal(download, code)
        return self._turn(download, update, now=now)

    def close(self) -> None:
        """Lets others open the ledger and the journal."""
        self._sent.close()
        self._ledger.close()

    def _again(self, download: Download) -> bytes:
        """The last answer once more; a crash may have come before it was written down as sent."""
        frame = read_frame(self._state.answer, most_payload=len(self._state.answer))
        if isinstance(frame, Upload):
            facts = {"acknowledged": download.acknowledged.turn}
            self._sent.note(frame, downloaded=self._state.held, facts=facts)
        return self._state.answer

    def _objection(self, download: Download) -> tuple[RefusalCode, SparseUpdate | None]:
        """The update in the download, or why no turn is taken from it."""
        state, party = self._state, self._party
        code = self._objection_to_turn(download)
        if code is not None:
            return code, None
        try:
            update = decode(download.payload, size=party.size)
        except MalformedUpdate:
            return RefusalCode.MALFORMED, None
        if party.participant.theta_d == 1:
            is_whole = len(update) == party.size
            if not is_whole and (state.held is None or download.base != state.sequence):
                return RefusalCode.BEHIND, None
        return RefusalCode.STOPPED, update

    def _objection_to_turn(self, download: Download) -> RefusalCode | None:
        """What is wrong with whose turn this is, and which."""
        state, party = self._state, self._party
        if download.participant != party.participant.number:
            return RefusalCode.MALFORMED
        if download.sequence < state.sequence or download.turn < state.own.num_turns:
            return RefusalCode.STALE
        if download.turn >= party.num_turns:
            return RefusalCode.ENDED
        return None if self._is_ledger_whole(download.acknowledged) else RefusalCode.LEDGER

    def _is_ledger_whole(self, acknowledged: Acknowledgement) -> bool:
        try:
            self._ledger.require_reached(acknowledged.mark)
        except DamagedJournal:
            return False
        return True

    def _turn(self, download: Download, update: SparseUpdate, *, now: float) -> bytes:
        """Trains, charges, keeps the state with the answer, and only then hands the answer out."""
        participant = self._party.participant
        state = replace(self._state.own, num_turns=download.turn)
        downloaded, held, fresh = self._laid(update, state)
        if self._drift is not None:
            self._drift.measure(downloaded, turn=download.turn)
        own, turn = take_turn(
            participant, state, downloaded, module=self._module, ledger=self._ledger, fresh=fresh
        )
        self._passing("charged")
        answer = self._refusal(download, RefusalCode.STOPPED)
        upload = None
        if turn.status == "shared":
            upload = Upload(
                run=self._run,
                participant=participant.number,
                turn=download.turn,
                sequence=download.sequence,
                mark=self._ledger.mark,
                payload=turn.payload,
            ).signed_by(self._key)
            answer = write_frame(upload)
        if upload is None:
            self._tell(f"turn {download.turn} sent nothing: {turn.reason}")
        last_hour = tuple(at for at in self._state.answered_at if now - at < 3600)
        kept = SiteState(own, held, download.sequence, answer, (*last_hour, now))
        save_state(self._path, kept)
        self._passing("state kept")
        self._state = kept
        if upload is not None:
            check = self._look.at(turn.payload, downloaded, learning_rate=turn.learning_rate)
            facts = {
                **upload_facts(participant, turn),
                "acknowledged": download.acknowledged.turn,
                "check": asdict(check),
            }
            self._sent.note(upload, downloaded=downloaded, facts=facts)
            self._passing("written down as sent")
        return answer

    def _laid(
        self, update: SparseUpdate, state: ParticipantState
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The participant's parameters after the download, what to hold of them, what is fresh."""
        if self._party.participant.theta_d < 1:
            own = self._party.initial if state.vector is None else state.vector
            return lay_over(own, update), None, update.indices
        if self._state.held is None or len(update) == self._party.size:
            return update.dense(), update.dense(), None
        whole = lay_over(self._state.held, update)
        return whole, whole, None

    def _refusal(self, download: Download, code: RefusalCode) -> bytes:
        return write_frame(Refusal(self._run, download.turn, download.sequence, code))
