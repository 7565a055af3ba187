"""What the server refuses, and that it counts it."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from tests.federation.sample_frames import damaged
from tests.federation.small_federation import KEYS, RUN, Federation, terms_with
from tests.sharing.sample_updates import random_update
from tithe.federation.central import Place
from tithe.federation.frames import (
    Acknowledgement,
    Agreed,
    Download,
    LedgerMark,
    Upload,
    read_frame,
    write_frame,
)
from tithe.federation.gatekeeper import Gatekeeper, Objection, Refused
from tithe.federation.keys import public_bytes
from tithe.sharing.codec import encode
from tithe.sharing.update import SparseUpdate

BOUNDED = ("sharing.gamma=0.01",)
ACKNOWLEDGED = Acknowledgement(1, LedgerMark(5, b"h" * 32))
ASKED = Download(RUN, 1, 2, 3, 2, 0, ACKNOWLEDGED, b"")
PLACE = Place(turn=2, sequence=3, base=2, acknowledged=ACKNOWLEDGED, outstanding=ASKED)


@pytest.fixture
def gatekeeper():
    return Gatekeeper(terms_with(*BOUNDED), {n: public_bytes(KEYS[n]) for n in range(3)})


def payload_of(update):
    return encode(update, values="float32", rng=None)


def small_update(count=5, size=None):
    size = size or terms_with(*BOUNDED).size
    update = random_update(size, count)
    return update.with_values(update.values.clamp(-0.01, 0.01))


def upload(key=KEYS[1], **changes):
    fields = {"participant": 1, "turn": 2, "sequence": 3, "mark": LedgerMark(6, b"i" * 32)}
    sent = Upload(RUN, **{**fields, "payload": payload_of(small_update()), **changes})
    return sent.signed_by(key)


def test_what_was_asked_for_is_admitted(gatekeeper):
    assert len(gatekeeper.admit(1, upload(), PLACE).update) == 5
    assert not gatekeeper.counts[1]


MANY = terms_with(*BOUNDED).participants[1].most_entries + 1
BROKEN = {
    Objection.PARTICIPANT: upload(participant=2),
    Objection.REPLAY: upload(turn=1),
    Objection.TURN: upload(sequence=4),
    Objection.SIGNATURE: upload(key=KEYS[2]),
    Objection.LEDGER: upload(mark=LedgerMark(4, b"i" * 32)),
    Objection.UPDATE: upload(payload=payload_of(small_update(size=99))),
    Objection.ENTRIES: upload(payload=payload_of(small_update(MANY))),
    Objection.BOUND: upload(
        payload=payload_of(small_update().with_values(torch.full((5,), 0.0101)))
    ),
}


@pytest.mark.parametrize("objection", BROKEN, ids=lambda each: each.name.lower())
def test_what_is_wrong_is_refused_and_counted(gatekeeper, objection):
    with pytest.raises(Refused) as refused:
        gatekeeper.admit(1, BROKEN[objection], PLACE)
    assert refused.value.objection is objection
    assert gatekeeper.counts[1] == Counter([objection])


def test_another_hash_at_the_acknowledged_row_is_refused(gatekeeper):
    with pytest.raises(Refused, match="ledger"):
        gatekeeper.admit(1, upload(mark=LedgerMark(5, b"x" * 32)), PLACE)


def test_counts_outlast_a_change_of_the_roster_for_who_keeps_its_key(gatekeeper):
    for number in (0, 1):
        gatekeeper.refuse(number, Objection.BOUND)
    keys = {0: public_bytes(KEYS[0]), 1: public_bytes(KEYS[5]), 2: public_bytes(KEYS[2])}
    after = Gatekeeper(terms_with(), keys)
    after.take_over(gatekeeper)
    assert after.counts == {0: Counter([Objection.BOUND]), 1: Counter(), 2: Counter()}


def test_nobody_is_heard_who_was_not_asked(gatekeeper):
    with pytest.raises(Refused) as refused:
        gatekeeper.admit(1, upload(), replace(PLACE, outstanding=None))
    assert refused.value.objection is Objection.FLOOD


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(gatekeeper, value):
    body = bytearray(payload_of(SparseUpdate(torch.tensor([0]), torch.tensor([0.0]), MANY)))
    body[-8:-4] = torch.tensor([value]).numpy().tobytes()
    with pytest.raises(Refused) as refused:
        gatekeeper.admit(1, upload(payload=bytes(body)), PLACE)
    assert refused.value.objection is Objection.UPDATE


def test_oversize_malformed_and_other_runs_are_refused(gatekeeper):
    bodies = {
        Objection.OVERSIZE: bytes(3 << 20),
        Objection.MALFORMED: b"hello",
        Objection.RUN: write_frame(Agreed(bytes(16), bytes(32))),
    }
    for body in bodies.values():
        with pytest.raises(Refused):
            gatekeeper.read(0, body)
    assert gatekeeper.counts[0] == Counter(list(bodies))


def fuzz(folder, num_messages, seed):
    """Sends damaged answers to a server with one outstanding turn; nothing may change."""
    draws = random.Random(seed)
    with closing(Federation(folder, *BOUNDED)) as federation:
        federation.open_server()
        while federation.central.places[0].outstanding is None:
            for number in federation.sites:
                federation.attend(number)
            federation.coordinator.step()
        asked = [body for body in federation.office.everything if body[3] == 3][-1]
        answer = federation.sites[0].handle(asked)
        central, gatekeeper = federation.central, federation.gatekeeper
        place, number, before = central.places[0], federation.store.number, federation.state()
        num_refused = 0
        for _ in range(num_messages):
            body = damaged(answer, draws)
            try:
                frame = gatekeeper.read(0, body)
                if isinstance(frame, Upload):
                    gatekeeper.admit(0, frame, place)
                    assert body == answer  # only what was signed passes
            except Refused:
                num_refused += 1
        assert num_refused > 0.8 * num_messages
        assert sum(gatekeeper.counts[0].values()) == num_refused
        assert federation.store.number == number
        for name, tensor in federation.state().items():
            assert torch.equal(tensor, before[name])
        upload = read_frame(answer, most_payload=1 << 20)
        assert gatekeeper.admit(0, upload, place)  # and the true one is still welcome


def test_damaged_answers_change_nothing(tmp_path):
    fuzz(tmp_path, 2_000, seed=1)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_answers_change_nothing(tmp_path):
    fuzz(tmp_path, 100_000, seed=2)
