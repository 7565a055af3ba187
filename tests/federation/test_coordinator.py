"""The server's loop: late, absent, returning, and refusing participants are normal."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
import torch

from tests.federation.small_federation import KEYS, Federation, in_one_process
from tithe.federation.attendance import Patience
from tithe.federation.frames import Upload, read_frame, write_frame
from tithe.federation.gatekeeper import Objection

ASYNCHRONOUS = "exchange.order=asynchronous"


@pytest.fixture
def federation(tmp_path):
    with closing(Federation(tmp_path)) as made:
        yield made


def applied(federation):
    return [each["applied"] for each in federation.coordinator.status()["participants"]]


def play_without(federation, absent, *, steps=60):
    """Everybody but one acts, and time passes."""
    for _ in range(steps):
        federation.coordinator.step()
        for number in federation.sites:
            if number != absent:
                federation.attend(number)
        federation.clock.seconds += 10.0


@pytest.mark.parametrize("order", ["round_robin", "random", "asynchronous"])
def test_nobody_waits_for_one_who_never_answers(tmp_path, order):
    with closing(Federation(tmp_path, f"exchange.order={order}")) as federation:
        federation.open_server()
        play_without(federation, 1)
        assert applied(federation) == [3, 0, 3]
        assert federation.coordinator.status()["is_done"]


def test_one_who_never_connects_is_passed_over(federation):
    federation.office.disconnect(101)
    federation.open_server()
    play_without(federation, 1)
    assert applied(federation) == [3, 0, 3]


def test_an_upload_that_comes_late_still_counts_once(federation):
    federation.open_server()
    for _ in range(30):  # until the others wait for nothing any more but their second turns
        federation.coordinator.step()
        for number in (0, 2):
            federation.attend(number)
        if 1 in federation.coordinator._attendance.missing:
            break
        federation.clock.seconds += 10.0
    federation.play()
    assert applied(federation)[1] >= 1
    uploads = [(who, turn) for who, turn, _ in federation.store.payload_digests()]
    assert len(set(uploads)) == len(uploads)


def test_with_too_few_present_the_training_waits(tmp_path):
    patience = Patience(turn_seconds=50.0, at_least=3, again_seconds=0.0)
    with closing(Federation(tmp_path, patience=patience)) as federation:
        federation.open_server()
        play_without(federation, 1)
        assert applied(federation) == [1, 0, 0]
        federation.play()
        assert applied(federation) == [3, 3, 3]


def test_failed_messages_are_left_again_and_nothing_changes(federation):
    expected = in_one_process()
    federation.open_server()
    for step in range(300):
        if federation.coordinator.is_done:
            break
        federation.coordinator.step()
        for number in range(3):
            if (step + number) % 3 == 0:  # the node dies with what it was given
                federation.office.disconnect(100 + number)
                federation.office.connect(100 + number, b"node key %d" % number)
            else:
                federation.attend(number)
    assert applied(federation) == [3, 3, 3]
    assert torch.equal(federation.state()["vector"], expected["vector"])


def test_a_server_that_is_restarted_after_every_step_comes_to_the_same_end(federation):
    expected = in_one_process()
    for _ in range(40):
        federation.open_server()
        for _ in range(3):
            federation.turn_over()
        federation.coordinator.step()
        if applied(federation) == [3, 3, 3]:
            break
    federation.play()  # the last round ends
    assert applied(federation) == [3, 3, 3]
    for name, tensor in expected.items():
        assert torch.equal(federation.state()[name], tensor), name


def test_one_who_lost_its_state_gets_everything_and_goes_on(federation):
    federation.open_server()
    while federation.central.places[0].acknowledged.turn < 0:
        federation.turn_over()
    federation.close_site(0)
    for path in (federation.folder / "site-0" / "runs").rglob("state.safetensors"):
        path.unlink()
    federation.open_site(0)
    federation.play()
    assert applied(federation) == [3, 3, 3]


def test_a_forged_upload_ends_its_turn_alone(federation):
    federation.open_server()
    honest = federation.sites[1].handle

    def forge(body):
        answer = honest(body)
        frame = read_frame(answer, most_payload=1 << 20)
        if isinstance(frame, Upload):
            return write_frame(replace(frame, turn=frame.turn).signed_by(KEYS[2]))
        return answer

    federation.sites[1].handle = forge
    federation.play()
    assert applied(federation) == [3, 0, 3]
    assert federation.gatekeeper.counts[1][Objection.SIGNATURE] == 3


def test_a_node_that_is_not_in_the_roster_hears_nothing(federation):
    federation.office.connect(999, b"a stranger")
    federation.open_server()
    federation.play()
    assert not federation.office.boxes[999]


def test_one_turn_of_each_is_outstanding_at_most(tmp_path):
    with closing(Federation(tmp_path, ASYNCHRONOUS)) as federation:
        federation.open_server()
        for _ in range(100):
            federation.coordinator.step()
            assert all(len(box) <= 1 for box in federation.office.boxes.values())
            federation.attend(0)
        assert applied(federation)[0] == 3


def test_everybody_is_told_that_it_is_over(federation):
    federation.play()
    assert not any(site.status()["is_running"] for site in federation.sites.values())
    assert federation.coordinator.status()["round"] == 2


def test_who_is_connected_is_looked_at_no_more_often_than_patience_says(tmp_path):
    patience = Patience(look_seconds=1.0)
    with closing(Federation(tmp_path, patience=patience)) as federation:
        federation.open_server()
        looks, nodes = [], federation.office.nodes
        federation.office.nodes = lambda: looks.append(federation.clock.seconds) or nodes()
        for _ in range(10):
            federation.clock.seconds += 0.25
            federation.coordinator.step()
        assert looks == [0.25, 1.25, 2.25]
