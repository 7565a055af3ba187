"""Store against journals: whether the server and its participants tell one story of a run.

Neither side can see the other's disk while a run is on. Who has both afterwards, or copies of both,
can hold each upload that the server applied against the journal of the participant that sent it,
against the ledger that was charged for it, and can play the run again from the participants' own
bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from tithe.federation.central import Central
from tithe.federation.frames import LedgerMark
from tithe.federation.store import Entry, UploadStore
from tithe.federation.terms import Terms
from tithe.privacy.ledger import KIND
from tithe.storage.journal import DamagedJournal, Journal, Reading
from tithe.storage.uploads import SentUpload, read_uploads

History = list[tuple[Entry, bytes]]
"""Every entry of a store with the SHA-256 of its payload."""


@dataclass(frozen=True)
class Seen:
    """What somebody else remembers of one participant, whom no crash made forget it.

    Attributes:
      acknowledged: turns that the server said it keeps for good.
      mark: a row that its ledger had.
    """

    acknowledged: Collection[int] = ()
    mark: LedgerMark = field(default_factory=LedgerMark)


@dataclass
class Findings:
    """What an audit found; empty lists are what a sound run gives.

    Attributes:
      lost: acknowledged uploads that the store lacks, or whose bytes are nowhere.
      doubled: uploads that count twice: one turn, or one charge, applied more than once.
      refunded: uploads that left without a charge that still stands, and ledgers that went back.
      foreign: applied uploads that their participant did not send.
      is_replayed: the participants' own bytes give the server's state, bit for bit.
      num_applied, num_sent, num_charged: uploads in the store and in the journals, ledger rows.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    refunded: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    is_replayed: bool = False
    num_applied: int = 0
    num_sent: int = 0
    num_charged: int = 0

    @property
    def is_sound(self) -> bool:
        """Nothing lost, doubled, refunded or foreign, and the same parameters."""
        wrong = self.lost or self.doubled or self.refunded or self.foreign
        return not wrong and self.is_replayed


@dataclass(frozen=True)
class _Account:
    """One participant's own books of a run."""

    number: int
    sent: list[SentUpload]
    ledger: Reading

    @cached_property
    def payloads(self) -> dict[bytes, bytes]:
        """What was sent, by its SHA-256."""
        return {bytes.fromhex(each.facts["sha256"]): each.payload for each in self.sent}


def reconcile(
    terms: Terms,
    store: Path,
    sites: Mapping[int, Path],
    *,
    seen: Mapping[int, Seen] | None = None,
) -> Findings:
    """Holds a server's store against its participants' journals.

    Nobody may be running on these folders; copies made while nobody runs do as well.

    Args:
      terms: of the run.
      store: the server's store.
      sites: participant number to its folder, the one with ``ledger.sqlite`` in it.
      seen: what an onlooker remembers of each.
    Raises:
      BadInput: the store is damaged, of another run or held by a process; or a journal is held.
    """
    findings = Findings()
    seen = seen or {}
    accounts = {}
    for number, folder in sites.items():
        account = _account(number, folder, terms.run.hex(), findings)
        if account is not None:
            accounts[number] = account
            _weigh_ledger(account, seen.get(number, Seen()), terms.run.hex(), findings)
    opened = UploadStore.open(store, run=terms.run, plan_hash=terms.plan_hash)
    try:
        history = opened.history()
        _weigh_uploads(history, accounts, seen, findings)
        entries = list(_with_payloads(history, accounts, findings))
        if not (findings.lost or findings.doubled):
            replayed = Central(terms, _Recorded(entries))
            findings.is_replayed = are_same(replayed, Central(terms, opened))
    finally:
        opened.close()
    return findings


def are_same(one: Central, other: Central) -> bool:
    """Whether two servers know the same, bit for bit."""
    tensors, plain = one.server.state()
    others, other_plain = other.server.state()
    is_same = tensors.keys() == others.keys() and plain == other_plain
    is_same &= (one.places, one.position, one.round) == (other.places, other.position, other.round)
    return is_same and all(torch.equal(tensors[name], others[name]) for name in tensors)


def _account(number: int, folder: Path, run: str, findings: Findings) -> _Account | None:
    """The books of a participant; None, and a finding, where they do not hold together."""
    try:
        ledger = Journal.read(folder / "ledger.sqlite", kind=KIND)
    except DamagedJournal as error:
        findings.refunded.append(f"participant {number}: {error}")
        return None
    try:
        sent = read_uploads(folder / "runs" / run / "sent", run=run)
    except DamagedJournal as error:
        findings.lost.append(f"participant {number}: {error}")
        return None
    findings.num_sent += len(sent)
    findings.num_charged += len(ledger.rows)
    return _Account(number, sent, ledger)


def _weigh_ledger(account: _Account, seen: Seen, run: str, findings: Findings) -> None:
    """Every upload that may have left has a charge of its own, and no row ever vanished."""
    if seen.mark.sequence:
        try:
            account.ledger.require_reached(seen.mark.sequence, seen.mark.digest.hex())
        except DamagedJournal as error:
            findings.refunded.append(f"participant {account.number}: {error}")
    charged: Counter[int] = Counter()
    for upload in account.sent:
        sequence, digest = upload.facts["ledger_sequence"], upload.facts["ledger_hash"]
        what = f"turn {upload.turn} of participant {account.number}"
        charged[sequence] += 1
        if charged[sequence] > 1:
            findings.refunded.append(f"{what} left on the charge of another upload")
        rows, entries = account.ledger.rows, account.ledger.entries
        if not 0 < sequence <= len(rows) or entries[sequence][1].hex() != digest:
            findings.refunded.append(f"{what} left, and its charge stands no more")
        elif (rows[sequence - 1]["run"], rows[sequence - 1]["turn"]) != (run, upload.turn):
            findings.refunded.append(f"{what} left on the charge of another turn")


def _weigh_uploads(
    history: History,
    accounts: Mapping[int, _Account],
    seen: Mapping[int, Seen],
    findings: Findings,
) -> None:
    """Every applied upload was sent and counts once; every acknowledged one was applied."""
    applied = [(entry, digest) for entry, digest in history if entry.kind == "upload"]
    findings.num_applied = len(applied)
    turns = Counter((entry.participant, entry.turn) for entry, _ in applied)
    charges = Counter((entry.participant, entry.ledger_sequence) for entry, _ in applied)
    for (number, turn), count in turns.items():
        if count > 1:
            findings.doubled.append(f"turn {turn} of participant {number} was applied {count}x")
    for (number, sequence), count in charges.items():
        if count > 1:
            findings.doubled.append(
                f"charge {sequence} of participant {number} stands for {count} applied uploads"
            )
    for entry, digest in applied:
        account = accounts.get(entry.participant)
        if account is not None and digest not in account.payloads:
            findings.foreign.append(
                f"turn {entry.turn} of participant {entry.participant} was applied and never sent"
            )
    for number, account in accounts.items():
        told = {int(upload.facts.get("acknowledged", -1)) for upload in account.sent}
        for turn in sorted((told | set(seen.get(number, Seen()).acknowledged)) - {-1}):
            if (number, turn) not in turns:
                findings.lost.append(
                    f"turn {turn} of participant {number} was acknowledged and is not in the store"
                )


def _with_payloads(
    history: History, accounts: Mapping[int, _Account], findings: Findings
) -> Iterator[Entry]:
    """The store's entries with the participants' own bytes; the store's where none are audited."""
    for entry, digest in history:
        if entry.kind != "upload":
            yield entry
            continue
        account = accounts.get(entry.participant)
        payload = entry.payload if account is None else account.payloads.get(digest)
        if payload:
            yield replace(entry, payload=payload)
        else:
            findings.lost.append(
                f"the bytes of turn {entry.turn} of participant {entry.participant} are nowhere"
            )


class _Recorded:
    """A log that has happened already and takes no more."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self.number = len(entries)

    def newest_snapshot(self) -> tuple[int, dict[str, Tensor], object] | None:
        return None

    def entries_after(self, number: int) -> Iterator[Entry]:
        return iter(self._entries[number:])

    def append(self, entry: Entry) -> int:
        raise RuntimeError("a run that is over takes no more entries")

    def save_snapshot(self, tensors: dict[str, Tensor], plain: object) -> None:
        raise RuntimeError("a run that is over needs no snapshot")
