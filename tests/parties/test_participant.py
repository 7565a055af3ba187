"""One turn: what it trains, what it shares, what it keeps, and what stops it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation
from tithe.data.shard import Shard
from tithe.learning.flat import read_vector
from tithe.learning.local import LocalTraining
from tithe.parties.participant import Participant, ParticipantState, take_turn
from tithe.privacy.events import PlainSelection, PlainValues
from tithe.privacy.ledger import TallyLedger
from tithe.sharing.codec import decode
from tithe.sharing.residual import Residual
from tithe.sharing.stages import bound_each, chain, keep_largest
from tithe.sharing.update import SparseUpdate


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


SIZE = read_vector(network()).numel()


def participant(**changes):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(12, 1, 6, generator=generator)
    data = Dataset("tiny", features, torch.arange(12) % 3, ("a", "b", "c"), (), ())
    basic = Participant(
        number=4,
        shard=Shard(data, torch.arange(12), Normalisation("none")),
        training=LocalTraining(batch_size=4),
        learning_rate=lambda turn: 0.1 / (turn + 1),
        share=keep_largest(theta_u=0.2),
        residual=Residual(keep=1.0, settle=True),
    )
    return replace(basic, **changes)


def turn_of(who, state=None, downloaded=None, ledger=None, **others):
    module = network()
    downloaded = read_vector(module) if downloaded is None else downloaded
    return take_turn(
        who,
        state or ParticipantState(),
        downloaded,
        module=module,
        ledger=ledger or TallyLedger(),
        **others,
    )


def whole_change(who, downloaded):
    plain = replace(who, share=chain(), residual=Residual(), value_format="float32")
    _, turn = turn_of(plain, downloaded=downloaded)
    return decode(turn.payload, size=SIZE).dense()


def test_it_shares_the_largest_of_its_change_and_keeps_the_rest():
    who, start = participant(), read_vector(network())
    change = whole_change(who, start)
    state, turn = turn_of(who, downloaded=start)
    sent = decode(turn.payload, size=SIZE)
    assert turn.num_entries == len(sent) == int(0.2 * SIZE)
    assert torch.equal(sent.values, change[sent.indices])
    assert torch.equal(state.residual + sent.dense(), change)
    assert torch.equal(state.seen, start + sent.dense())
    assert state.vector is None  # theta_d = 1 overwrites it anyway
    assert state.num_turns == 1 and turn.learning_rate == 0.1


def test_the_download_is_left_as_it_was():
    start = read_vector(network())
    before = start.clone()
    turn_of(participant(), downloaded=start)
    assert torch.equal(start, before)


def test_the_residual_is_offered_again():
    who, start = participant(residual=Residual(keep=1.0)), read_vector(network())
    waiting = torch.zeros(SIZE)
    waiting[7] = 100.0
    _, turn = turn_of(who, ParticipantState(residual=waiting), start)
    sent = decode(turn.payload, size=SIZE)
    assert 7 in sent.indices.tolist()
    assert sent.dense()[7] == pytest.approx(100 + float(whole_change(who, start)[7]))


def test_what_others_did_meanwhile_is_not_offered_again():
    who, start = participant(), read_vector(network())
    waiting = torch.zeros(SIZE)
    waiting[7] = 100.0
    others = torch.zeros(SIZE)
    others[7] = 100.0
    state = ParticipantState(residual=waiting, seen=start - others)
    _, turn = turn_of(who, state, start)
    assert decode(turn.payload, size=SIZE).values.abs().max() < 10


def test_a_parameter_that_was_not_downloaded_settles_nothing():
    who, start = participant(theta_d=0.5), read_vector(network())
    waiting = torch.zeros(SIZE)
    waiting[7] = 100.0
    state = ParticipantState(vector=start, residual=waiting, seen=start - waiting)
    _, turn = turn_of(who, state, start, fresh=torch.tensor([1, 2, 3]))
    assert decode(turn.payload, size=SIZE).dense()[7] == pytest.approx(100, abs=1)


def test_a_part_download_keeps_the_participants_own_vector():
    who = participant(theta_d=0.5, share=chain(), residual=Residual())
    start = read_vector(network())
    state, turn = turn_of(who, downloaded=start)
    change = decode(turn.payload, size=SIZE).dense()
    assert torch.allclose(state.vector, start + change, atol=1e-6)


@pytest.mark.parametrize("value_format", ["float16", "int8"])
def test_rounding_delays_a_change_and_loses_none_of_it(value_format):
    who, start = participant(value_format=value_format), read_vector(network())
    state, turn = turn_of(who, downloaded=start)
    sent = decode(turn.payload, size=SIZE)
    change = whole_change(who, start)
    assert not torch.equal(sent.values, change[sent.indices])
    assert torch.allclose(state.residual + sent.dense(), change, atol=1e-7)


def test_a_bound_holds_for_all_that_leaves():
    who = participant(share=chain(keep_largest(theta_u=0.2), bound_each(gamma=0.001)))
    _, turn = turn_of(who)
    assert decode(turn.payload, size=SIZE).values.abs().max() <= torch.tensor(0.001)


class Listening:
    """A ledger that keeps what it was asked."""

    def __init__(self):
        self.charges = []

    def charge(self, *, participant, turn, events):
        self.charges.append((participant, turn, events))
        return 7.0


def test_the_ledger_is_charged_with_choice_and_values():
    ledger = Listening()
    _, turn = turn_of(participant(), ledger=ledger)
    count = turn.num_entries
    expected = [PlainSelection(count, "largest"), PlainValues(count)]
    assert ledger.charges == [(4, 0, expected)]
    assert turn.epsilon == 7.0


def test_private_values_are_no_plain_release():
    def privately(update, coins):
        return SparseUpdate(update.indices, update.values, update.size, is_private=True), []

    ledger = Listening()
    turn_of(participant(share=chain(privately, keep_largest(theta_u=0.1))), ledger=ledger)
    assert ledger.charges == [(4, 0, [])]


def test_what_the_ledger_refuses_raises_and_nothing_is_handed_out():
    class Refusing:
        def charge(self, *, participant, turn, events):
            raise PermissionError("spent")

    with pytest.raises(PermissionError):
        turn_of(participant(), ledger=Refusing())


def test_a_broken_loss_sends_nothing_and_keeps_the_residual():
    waiting = torch.ones(SIZE)
    ledger = Listening()
    runaway = LocalTraining(batch_size=4, weight_decay=1e5)
    who = participant(learning_rate=lambda turn: 1e30, training=runaway)
    state, turn = turn_of(who, ParticipantState(2, residual=waiting), ledger=ledger)
    assert turn.status == "stopped" and turn.payload == b"" and "NaN or infinite" in turn.reason
    assert ledger.charges == []
    assert state.num_turns == 3 and torch.equal(state.residual, waiting)


def test_a_change_too_large_for_its_format_stops_the_turn():
    who = participant(value_format="float16", residual=Residual(keep=1.0))
    huge = torch.full((SIZE,), 1e6)
    state, turn = turn_of(who, ParticipantState(residual=huge))
    assert turn.status == "stopped" and "too large for float16" in turn.reason
    assert torch.equal(state.residual, huge)


def test_turns_draw_from_streams_of_their_own():
    start = read_vector(network())
    payloads = {
        turn_of(participant(number=number), ParticipantState(turns), start)[1].payload
        for number in (1, 2)
        for turns in (0, 1)
    }
    assert len(payloads) == 4
