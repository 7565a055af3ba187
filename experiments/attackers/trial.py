"""One federation in memory: the server's real path, and participants of whom some attack."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from attacks import ATTACKS, Attack, none, relabelled
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from torch import Tensor, nn

from tithe.build import Built, build
from tithe.federation.attendance import Patience
from tithe.federation.central import Central
from tithe.federation.coordinator import Coordinator
from tithe.federation.frames import (
    Agreed,
    Download,
    LedgerMark,
    Upload,
    read_frame,
    write_frame,
)
from tithe.federation.gatekeeper import Gatekeeper, Objection, Screen
from tithe.federation.keys import public_bytes
from tithe.federation.roster import Pinned, Roster
from tithe.federation.store import UploadStore
from tithe.federation.terms import Terms, terms_of
from tithe.learning.evaluate import evaluate, predict
from tithe.learning.flat import write_vector
from tithe.parties.participant import Participant, ParticipantState, lay_over, take_turn
from tithe.plan import Plan
from tithe.randomness import stream
from tithe.sharing.codec import decode, encode

RUN = bytes(16)
NUM_HELD_OUT = 500  # of the test rows: the server's own, never measured on

MakeScreens = Callable[[Central, Callable[[Tensor], float]], tuple[Screen, ...]]


@cache
def built_once(plan: Plan) -> Built:
    """The plan as objects; runs of one plan share them, as nobody changes them."""
    return build(plan)


class FreeLedger:
    """Counts nothing: nothing here is about privacy."""

    def charge(self, *, participant: int, turn: int, events: object) -> float:
        """Always allowed."""
        return 0.0


class Answering:
    """A participant as the post office sees it: it answers each message at once."""

    def __init__(
        self, participant: Participant, *, attack: Attack, module: nn.Module, terms: Terms
    ) -> None:
        self.key = Ed25519PrivateKey.generate()
        self._participant = participant
        self._attack = attack
        self._module = module
        self._terms = terms
        self._state = ParticipantState()
        self._vector = terms.phase.initial

    def answer(self, body: bytes) -> bytes:
        """Agrees to every plan and takes every turn."""
        frame = read_frame(body, most_payload=len(body))
        if isinstance(frame, Download):
            return write_frame(self._turn(frame))
        return write_frame(Agreed(frame.run, self._terms.plan_hash))

    def _turn(self, download: Download) -> Upload:
        update = decode(download.payload, size=self._terms.size)
        self._vector = lay_over(self._vector, update)
        self._state, turn = take_turn(
            self._participant, self._state, self._vector, module=self._module, ledger=FreeLedger()
        )
        return Upload(
            RUN,
            self._participant.number,
            download.turn,
            download.sequence,
            LedgerMark(download.turn + 1, bytes(32)),
            self._attacked(turn.payload, download.turn),
        ).signed_by(self.key)

    def _attacked(self, payload: bytes, turn: int) -> bytes:
        if self._attack is none:
            return payload
        honest = decode(payload, size=self._terms.size)
        rng = stream(0, purpose="attack", participant=self._participant.number, turn=turn)
        return encode(self._attack(honest, rng), values="float32", rng=None)


class InstantPost:
    """A post office whose nodes answer while the message is left."""

    def __init__(self, participants: dict[int, Answering]) -> None:
        self._participants = participants
        self._answers: dict[str, bytes | None] = {}
        self._num_pushed = 0

    def nodes(self) -> dict[int, bytes]:
        """All of them, always."""
        return {number: _node_key(number) for number in self._participants}

    def push(self, node: int, body: bytes) -> str:
        """The answer is there when this returns."""
        self._num_pushed += 1
        message_id = str(self._num_pushed)
        self._answers[message_id] = self._participants[node].answer(body)
        return message_id

    def replies(self, message_ids: list[str]) -> dict[str, bytes | None]:
        """The answers to these."""
        return {each: self._answers.pop(each) for each in message_ids if each in self._answers}


def _node_key(number: int) -> bytes:
    return b"node %d" % number


@dataclass(frozen=True)
class Outcome:
    """What a training under attack came to.

    Attributes:
      accuracy: on test rows that nobody else saw.
      sevens: the share of sevens among them that were recognised.
      sevens_as_ones: the share of sevens that were taken for ones.
      honest_refused, attacks_refused: the shares of their uploads that the screens refused.
      by_screen: how many uploads each screen refused, honest ones first.
    """

    accuracy: float
    sevens: float
    sevens_as_ones: float
    honest_refused: float
    attacks_refused: float | None
    by_screen: dict[str, tuple[int, int]]


def play(plan: Plan, *, attack: str, attackers: tuple[int, ...], screens: MakeScreens) -> Outcome:
    """Trains once.

    Args:
      plan: who holds what, and how they train.
      attack: a name of ``ATTACKS``.
      attackers: which participants do it; the others are honest.
      screens: makes the server's screens, from its parameters and its own loss.
    """
    built = built_once(plan)
    terms = terms_of(plan, built.phases[0], run=RUN)
    module = built.phases[0].make_module()
    participants = _participants(built, terms, module, attack, attackers)
    keys = {number: public_bytes(each.key) for number, each in participants.items()}
    roster = Roster(
        tuple(Pinned(each, f"site {each}", keys[each], _node_key(each)) for each in keys)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(
            UploadStore.open(Path(folder) / "server", run=RUN, plan_hash=terms.plan_hash)
        ) as store,
    ):
        central = Central(terms, store, snapshot_entries=10**9)
        gatekeeper = Gatekeeper(terms, keys, screens=screens(central, _own_loss(built, module)))
        coordinator = Coordinator(
            InstantPost(participants),
            central=central,
            gatekeeper=gatekeeper,
            roster=roster,
            patience=Patience(again_seconds=0.0),
        )
        while not coordinator.is_done:
            coordinator.step()
        write_vector(module, central.server.store.joint)
    turns = plan.exchange.rounds
    return _outcome(built, module, gatekeeper.counts, attackers=attackers, turns=turns)


def _participants(
    built: Built, terms: Terms, module: nn.Module, attack: str, attackers: tuple[int, ...]
) -> dict[int, Answering]:
    new_labels, transform = ATTACKS[attack]
    found = {}
    for each in built.phases[0].participants:
        is_bad = each.number in attackers
        found[each.number] = Answering(
            relabelled(each, new_labels) if is_bad else each,
            attack=transform if is_bad else none,
            module=module,
            terms=terms,
        )
    return found


def _own_loss(built: Built, module: nn.Module) -> Callable[[Tensor], float]:
    """The server's: on the first of the test rows, which no accuracy here is measured on."""
    features = built.test_features[:NUM_HELD_OUT]
    labels = built.test_labels[:NUM_HELD_OUT]

    def loss(vector: Tensor) -> float:
        write_vector(module, vector)
        return evaluate(module, features, labels).loss

    return loss


def _outcome(
    built: Built,
    module: nn.Module,
    counts: dict[int, Counter[Objection]],
    *,
    attackers: tuple[int, ...],
    turns: int,
) -> Outcome:
    features, labels = built.test_features[NUM_HELD_OUT:], built.test_labels[NUM_HELD_OUT:]
    quality = evaluate(module, features, labels)
    sevens = predict(module, features[labels == 7]).argmax(dim=1)
    by_screen = {
        objection.name.lower(): (
            sum(counts[each][objection] for each in counts if each not in attackers),
            sum(counts[each][objection] for each in attackers),
        )
        for objection in Objection
        if any(counts[each][objection] for each in counts)
    }
    honest = sum(sum(counts[each].values()) for each in counts if each not in attackers)
    bad = sum(sum(counts[each].values()) for each in attackers)
    return Outcome(
        accuracy=quality.accuracy,
        sevens=float((sevens == 7).double().mean()),
        sevens_as_ones=float((sevens == 1).double().mean()),
        honest_refused=honest / (turns * (len(counts) - len(attackers))),
        attacks_refused=bad / (turns * len(attackers)) if attackers else None,
        by_screen=by_screen,
    )
