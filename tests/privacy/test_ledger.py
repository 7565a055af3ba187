"""The tally: it adds up, for each participant apart."""

from __future__ import annotations

import math

from tithe.privacy.events import PlainValues
from tithe.privacy.ledger import TallyLedger


def test_it_adds_up_for_each_participant_apart():
    ledger = TallyLedger()
    assert ledger.charge(participant=0, turn=0, events=[]) == 0.0
    assert ledger.charge(participant=1, turn=0, events=[PlainValues(2)]) == math.inf
    assert ledger.charge(participant=1, turn=1, events=[]) == math.inf  # what was spent stays spent
    assert ledger.charge(participant=0, turn=1, events=[]) == 0.0
