"""One turn: what it trains, what it shares, what it keeps, and what stops it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation
from tithe.data.shard import Shard
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.flat import read_vector
from tithe.learning.local import LocalTraining
from tithe.parties.participant import Participant, ParticipantState, take_turn
from tithe.privacy.budget import BudgetExhausted
from tithe.privacy.events import GaussianSteps, LaplaceRelease, PlainSelection, PlainValues
from tithe.privacy.ledger import TallyLedger
from tithe.randomness import SeededBits
from tithe.sharing.codec import decode
from tithe.sharing.private_stages import release_laplace
from tithe.sharing.residual import Residual
from tithe.sharing.stages import bound_each, chain, keep_largest, keep_mask
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


DP_SGD = PrivateTraining(batch_size=4, num_steps=3, noise_multiplier=1.0, l2_norm_bound=1.0)
STEPS = GaussianSteps(1.0, 1 / 3, 3, unit="record", relation="add_or_remove")


def by_record(**changes):
    return participant(**{"private": DP_SGD, "cost": (STEPS,), **changes})


def by_participant(**changes):
    """Noise on a tenth of what it uploads; 6 * 8 + 8 + 8 * 3 + 3 = 83 parameters."""
    count = int(0.1 * SIZE)
    release = release_laplace(
        gamma=0.01, scale_in_gamma=5.0, relation="zero_out", bits_of=SeededBits
    )
    cost = LaplaceRelease(5.0, count, unit="participant", relation="zero_out")
    return participant(
        **{
            "share": chain(keep_mask(theta_u=0.1), release),
            "residual": Residual(),
            "cost": (cost,),
            **changes,
        }
    )


@pytest.mark.parametrize("private", [by_record, by_participant])
def test_a_private_turn_is_charged_as_planned_and_for_nothing_else(private):
    ledger, who = Listening(), private()
    _, turn = turn_of(who, ParticipantState(5), ledger=ledger)
    assert ledger.charges == [(4, 5, list(who.cost))]
    assert turn.status == "shared" and turn.epsilon == 7.0
    assert decode(turn.payload, size=SIZE).indices.numel() == turn.num_entries > 0


def test_all_that_comes_of_private_training_is_marked_private():
    offered = []

    def look(update, coins):
        offered.append(update)
        return update, []

    # Also what waited in the residual: it came of private training too.
    state = ParticipantState(residual=torch.ones(SIZE))
    private = by_record(share=chain(look, keep_largest(theta_u=0.1)))
    turn_of(private, state, ledger=Listening())
    turn_of(participant(share=chain(look)), state)
    assert [update.is_private for update in offered] == [True, False]


class Exhausted:
    """A ledger without anything left."""

    def charge(self, *, participant, turn, events):
        raise BudgetExhausted(participant, spent=9.8, budget=10.0, cost=0.5)


class Untouchable(nn.Module):
    """A network that must not be trained in."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(SIZE))

    def forward(self, rows):
        raise AssertionError("it was trained although nothing may leave")


@pytest.mark.parametrize("private", [by_record, by_participant])
def test_what_the_ledger_refuses_stops_before_it_is_learnt(private):
    waiting, start = torch.ones(SIZE), torch.zeros(SIZE)
    before = ParticipantState(3, residual=waiting, seen=start)
    state, turn = take_turn(
        private(theta_d=0.5), before, start, module=Untouchable(), ledger=Exhausted()
    )
    assert turn.status == "refused" and turn.payload == b"" and turn.num_entries == 0
    assert turn.reason == (
        "participant 4 has spent epsilon 9.8 of 10 and this upload costs 0.5; nothing was sent"
    )
    assert (turn.number, state.num_turns) == (3, 4)
    assert torch.equal(state.residual, waiting) and torch.equal(state.seen, start)
    assert torch.equal(state.vector, start)  # the download was laid over all the same


def test_a_plain_turn_that_the_ledger_refuses_leaves_nothing_either():
    waiting = torch.ones(SIZE)
    state, turn = turn_of(participant(), ParticipantState(residual=waiting), ledger=Exhausted())
    assert (turn.status, turn.payload) == ("refused", b"")
    assert torch.equal(state.residual, waiting)


def test_a_private_turn_that_broke_was_charged_all_the_same():
    runaway = replace(DP_SGD, weight_decay=1e5)
    who = by_record(learning_rate=lambda turn: 1e30, private=runaway)
    _, turn = turn_of(who, ledger=Listening())
    assert (turn.status, turn.payload, turn.epsilon) == ("stopped", b"", 7.0)


PLAIN_STAGE = chain(keep_largest(theta_u=0.1))
OTHER = LaplaceRelease(6.0, int(0.1 * SIZE), unit="participant", relation="zero_out")


@pytest.mark.parametrize(
    "who",
    [
        by_participant(cost=(OTHER,)),  # it costs less than what is released
        by_participant(cost=()),
        by_participant(share=PLAIN_STAGE),  # no release at all
        by_participant(share=chain()),
        by_participant(share=keep_mask(theta_u=0.1), cost=()),  # no events, but raw values
        by_record(share=chain(keep_mask(theta_u=0.1), by_participant().share)),
        by_record(private=None),  # plain training where private one was charged
    ],
)
def test_other_releases_than_were_charged_never_leave(who):
    with pytest.raises(RuntimeError, match="charged its turn for other releases"):
        turn_of(who, ledger=Listening())


@pytest.mark.parametrize("private", [by_record, by_participant])
def test_noise_is_new_for_every_participant_and_turn_and_repeats_with_the_seed(private):
    start = read_vector(network())

    def payload(number, turns, seed=0):
        who = private(number=number, seed=seed)
        return turn_of(who, ParticipantState(turns), start, ledger=Listening())[1].payload

    whose = [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert len({payload(*each) for each in whose}) == 4
    assert payload(1, 0) == payload(1, 0) != payload(1, 0, seed=1)


def test_secure_noise_does_not_repeat():
    who = by_record(has_secure_noise=True)
    payloads = {turn_of(who, ledger=Listening())[1].payload for _ in range(2)}
    assert len(payloads) == 2


def test_the_cosine_tells_what_the_noise_left_of_the_change():
    assert turn_of(participant())[1].cosine is None
    for private in (by_record, by_participant):
        _, turn = turn_of(private(), ledger=Listening())
        assert -1 <= turn.cosine <= 1
    silent = replace(DP_SGD, noise_multiplier=0.0)
    assert turn_of(by_record(private=silent), ledger=Listening())[1].cosine == 1.0


def test_without_noise_and_bounds_a_private_turn_shares_the_plain_change():
    # A batch of all rows, so that sampling does not tell the two apart.
    silent = replace(
        DP_SGD, batch_size=12, noise_multiplier=0.0, l2_norm_bound=1e9, sampling="shuffle"
    )
    who = by_record(private=silent, share=chain(), residual=Residual())
    _, turn = turn_of(who, ledger=Listening())
    change = whole_change(
        participant(training=LocalTraining(batch_size=12, local_steps=3)), read_vector(network())
    )
    assert torch.allclose(decode(turn.payload, size=SIZE).dense(), change, atol=1e-6)


def test_what_private_training_did_not_send_waits_in_the_residual():
    state, turn = turn_of(by_record(), ledger=Listening())
    sent = decode(turn.payload, size=SIZE)
    whole, _ = turn_of(by_record(share=chain(), residual=Residual(keep=1.0)), ledger=Listening())
    _, everything_sent = turn_of(by_record(share=chain()), ledger=Listening())
    change = decode(everything_sent.payload, size=SIZE).dense()
    assert torch.allclose(state.residual + sent.dense(), change)
    assert whole.residual.abs().max() == 0
