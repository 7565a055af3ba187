"""The server: exactly once, refusals, staleness, downloads of what changed."""

from __future__ import annotations

import pytest
import torch

from tithe.checks import BadInput
from tithe.parties.participant import lay_over
from tithe.parties.server import Server, ServerRules
from tithe.sharing.codec import encode
from tithe.sharing.store import Store
from tithe.sharing.update import MalformedUpdate, SparseUpdate


def payload(indices, values, size=6):
    update = SparseUpdate(torch.tensor(indices), torch.tensor(values), size)
    return encode(update, values="float32", rng=None)


def server(**rules):
    return Server(Store(torch.zeros(6)), ServerRules(**rules))


def test_an_upload_is_added():
    one = server()
    one.download(0, theta_d=1.0)
    one.upload(0, turn=0, payload=payload([1, 3], [1.0, 2.0]))
    assert one.store.vector.tolist() == [0, 1, 0, 2, 0, 0]


def test_the_same_turn_is_added_only_once():
    one = server()
    one.upload(0, turn=4, payload=payload([1], [1.0]))
    for turn in (4, 3):
        with pytest.raises(MalformedUpdate, match="must come after turn 4"):
            one.upload(0, turn=turn, payload=payload([1], [1.0]))
    one.upload(1, turn=4, payload=payload([1], [1.0]))
    assert one.store.vector.tolist() == [0, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "damaged", [b"", b"junk", payload([1], [1.0], size=7), payload([1], [1.0])[:-1]]
)
def test_what_is_no_update_is_refused_and_can_be_sent_again(damaged):
    one = server()
    with pytest.raises(MalformedUpdate):
        one.upload(0, turn=0, payload=damaged)
    assert one.store.version == 0
    one.upload(0, turn=0, payload=payload([1], [1.0]))
    assert one.store.vector[1] == 1


def test_laying_every_download_over_the_last_gives_the_servers_vector(rng):
    one = server()
    copies = {0: torch.full((6,), -7.0), 1: torch.full((6,), -7.0)}
    for turn in range(12):
        who = turn % 2 if turn < 8 else 0
        download = one.download(who, theta_d=1.0)
        copies[who] = lay_over(copies[who], download.overwrite)
        assert torch.equal(copies[who], one.store.vector)
        assert torch.equal(download.whole, one.store.vector)
        index = int(torch.randint(6, (1,), generator=rng))
        one.upload(who, turn=turn, payload=payload([index], [1.0]))


def test_a_download_holds_only_what_changed_since_the_last():
    one = server()
    assert len(one.download(0, theta_d=1.0).overwrite) == 6
    assert len(one.download(0, theta_d=1.0).overwrite) == 0
    one.upload(1, turn=0, payload=payload([2, 5], [1.0, 1.0]))
    assert one.download(0, theta_d=1.0).overwrite.indices.tolist() == [2, 5]
    assert len(one.download(2, theta_d=1.0).overwrite) == 6


def test_a_part_download_takes_the_most_updated():
    one = server()
    for turn in range(2):
        one.upload(0, turn=turn, payload=payload([2, 5], [1.0, 1.0]))
    download = one.download(1, theta_d=0.34)
    assert download.overwrite.indices.tolist() == [2, 5]
    assert download.whole is None


def test_coarse_downloads_arrive_as_they_are_written():
    one = server()
    one.upload(0, turn=0, payload=payload([0], [1 / 3]))
    download = one.download(0, theta_d=1.0, values="float16")
    third = torch.tensor(1 / 3).half().float()
    assert download.whole[0] == download.overwrite.values[0] == third
    assert len(download.payload) < len(server().download(0, theta_d=1.0).payload)


def test_parameters_too_large_for_a_coarse_download_are_one_clear_sentence():
    one = server()
    one.upload(0, turn=0, payload=payload([0], [1e6]))
    with pytest.raises(BadInput, match="beyond what float16 can hold"):
        one.download(0, theta_d=1.0, values="float16")


def test_staleness_counts_the_uploads_of_others_in_between():
    one = server(staleness_power=1.0)
    for who in (0, 1, 2):
        one.download(who, theta_d=1.0)
    assert one.upload(0, turn=0, payload=payload([0], [1.0])) == 0
    assert one.upload(1, turn=0, payload=payload([1], [1.0])) == 1
    assert one.upload(2, turn=0, payload=payload([2], [1.0])) == 2
    assert one.store.vector.tolist() == pytest.approx([1, 1 / 2, 1 / 3, 0, 0, 0])


def test_a_mean_waits_for_the_end_of_the_round():
    one = server(mean=True)
    one.upload(0, turn=0, payload=payload([0], [1.0]))
    one.upload(1, turn=0, payload=payload([0, 1], [3.0, 1.0]))
    assert one.store.vector.tolist() == [0] * 6
    one.end_round()
    assert one.store.vector.tolist() == [2, 0.5, 0, 0, 0, 0]


@pytest.mark.parametrize(("rules", "expected"), [({"decay_every": 1}, 0.75), ({}, 1.0)])
def test_counts_decay_by_uploads_or_by_rounds(rules, expected):
    one = server(beta=0.5, **rules)
    one.upload(0, turn=0, payload=payload([0], [1.0]))
    one.upload(0, turn=1, payload=payload([0], [1.0]))
    one.end_round()
    assert one.store.counts[0] == expected


def test_a_restored_server_goes_on_bit_for_bit():
    one = server(mean=True, beta=0.9)
    one.download(3, theta_d=1.0)
    one.upload(3, turn=0, payload=payload([0, 4], [1.0, 2.0]))
    other = server(mean=True, beta=0.9)
    other.restore(*one.state())
    for each in (one, other):
        each.upload(1, turn=0, payload=payload([4], [1.0]))
        each.end_round()
    assert torch.equal(one.store.vector, other.store.vector)
    assert torch.equal(
        one.download(3, theta_d=1.0).overwrite.indices,
        other.download(3, theta_d=1.0).overwrite.indices,
    )
    with pytest.raises(MalformedUpdate):
        other.upload(3, turn=0, payload=payload([0], [1.0]))


@pytest.mark.parametrize("rules", [{"beta": 0.0}, {"beta": 1.1}, {"staleness_power": -1.0}])
def test_wrong_rules_are_refused(rules):
    with pytest.raises(ValueError, match="must be"):
        server(**rules)
