"""One of three participants attacks within all bounds: the screens stop it, and it alone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from tests.federation.small_federation import KEYS, Federation, party_of
from tithe.federation.frames import Upload, read_frame, write_frame
from tithe.federation.gatekeeper import Objection
from tithe.federation.screens import DirectionScreen, HeldOutScreen, NormScreen
from tithe.learning.evaluate import evaluate
from tithe.learning.flat import write_vector
from tithe.sharing.codec import decode, encode

ATTACKER = 2
TOGETHER = ("exchange.order=synchronous", "server.combine=mean", "sharing.theta_u=1.0")


class Attacked(Federation):
    """A federation in which one site multiplies its uploads, all but the first, before it signs."""

    factor = 1.0

    def attend(self, number):
        found = self.office.node(100 + number).pull()
        if found is not None:
            message_id, body = found
            answer = self.sites[number].handle(body)
            if number == ATTACKER and answer[3] == 4:
                answer = self.attacked(answer)
            self.office.node(100 + number).answer(message_id, answer)

    def attacked(self, answer):
        upload = read_frame(answer, most_payload=len(answer))
        assert isinstance(upload, Upload)
        if upload.turn == 0:
            return answer
        update = decode(upload.payload, size=self.terms.size)
        bad = encode(update.with_values(self.factor * update.values), values="float32", rng=None)
        return write_frame(replace(upload, payload=bad).signed_by(KEYS[ATTACKER]))

    def loss(self, vector):
        party = party_of(self.plan, 0)
        module = party.make_module()
        write_vector(module, vector)
        return evaluate(module, *party.held_out).loss


SCREENS = {
    Objection.NORM: (lambda _: NormScreen(fewest=2), 20.0, ()),
    Objection.DIRECTION: (
        lambda federation: DirectionScreen(size=federation.terms.size, fewest=2),
        -1.0,
        TOGETHER,
    ),
    Objection.HELD_OUT: (
        lambda federation: HeldOutScreen(
            lambda: federation.central.server.store.vector, federation.loss
        ),
        -20.0,
        (),
    ),
}


@pytest.mark.parametrize("objection", SCREENS, ids=lambda each: each.name.lower())
def test_the_attacker_is_refused_and_the_honest_are_not(tmp_path, objection):
    make, factor, overrides = SCREENS[objection]
    with closing(Attacked(tmp_path, *overrides)) as federation:
        federation.factor = factor
        federation.screens = (make(federation),)
        federation.play()
        counts = federation.gatekeeper.counts
        applied = [each["applied"] for each in federation.coordinator.status()["participants"]]
    assert counts[ATTACKER][objection] == 2
    assert applied == [3, 3, 1]
    assert not counts[0]
    assert not counts[1]
