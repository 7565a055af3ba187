"""The watch: it tells who came when and how good the model is, and touches nothing."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.federation.small_federation import Federation, in_one_process
from tithe.federation.gatekeeper import Objection
from tithe.federation.history import History
from tithe.federation.watch import Watch
from tithe.learning.evaluate import Quality


@pytest.fixture
def federation(tmp_path):
    with closing(Federation(tmp_path)) as made:
        made.open_server()
        yield made


def watched(federation, tmp_path, **named):
    """A watch on the federation's training, and the clock that it reads."""
    clock = [1000.0]
    watch = Watch(
        federation.central, tmp_path, store=tmp_path / "server", now=lambda: clock[0], **named
    )
    federation.coordinator._accepted = watch.accepted
    return watch, clock


def told(watch, federation):
    return watch.status(federation.coordinator.status())


def test_every_upload_that_is_applied_is_in_the_history_once(federation, tmp_path):
    watched(federation, tmp_path)
    federation.play()
    seen = [(line.participant, line.turn) for line in History(tmp_path).uploads()]
    applied = [(who, turn) for who, turn, _ in federation.store.payload_digests()]
    assert seen == applied
    assert all(line.length > 0 for line in History(tmp_path).uploads())


def test_watching_and_measuring_change_no_bit_of_the_model(federation, tmp_path):
    watch, _ = watched(federation, tmp_path, measure=lambda joint: Quality(float(joint[0]), 0, ()))
    while not federation.coordinator.is_done:
        federation.turn_over()
        watch.look()
    watch.close()
    assert len(History(tmp_path).measurements()) >= 1
    expected = in_one_process()
    assert all(federation.state()[name].equal(expected[name]) for name in expected)


def test_a_round_is_measured_once(federation, tmp_path):
    watch, _ = watched(federation, tmp_path, measure=lambda joint: Quality(0.5, 1.0, ()))
    for _ in range(3):
        watch.look()
        watch.close()
    (line,) = History(tmp_path).measurements()
    assert (line.round, line.uploads, line.accuracy) == (0, 0, 0.5)


def test_who_is_connected_has_a_time_since_when_and_who_left_has_none(federation, tmp_path):
    watch, clock = watched(federation, tmp_path)
    federation.coordinator.step()
    assert [each["since"] for each in told(watch, federation)["participants"]] == [1000.0] * 3
    clock[0] = 1060.0
    federation.office.disconnect(101)
    federation.coordinator.step()
    assert [each["since"] for each in told(watch, federation)["participants"]] == [
        1000.0,
        None,
        1000.0,
    ]
    federation.open_site(1)
    federation.coordinator.step()
    assert told(watch, federation)["participants"][1]["since"] == 1060.0


def test_who_comes_and_goes_is_told_once(federation, tmp_path):
    said = []
    watch, _ = watched(federation, tmp_path, tell=said.append)
    for _ in range(2):
        federation.coordinator.step()
        told(watch, federation)
    federation.office.disconnect(101)
    for _ in range(2):
        federation.coordinator.step()
        told(watch, federation)
    assert said == [
        "participant 0 site 0 is here",
        "participant 1 site 1 is here",
        "participant 2 site 2 is here",
        "participant 1 site 1 is away",
    ]


def test_refusals_are_told_with_their_reasons(federation, tmp_path):
    watch, _ = watched(federation, tmp_path)
    federation.gatekeeper.refuse(2, Objection.SIGNATURE)
    found = told(watch, federation)
    assert found["participants"][2]["refused"] == {"signature": 1}
    assert found["reasons"] == {"signature": Objection.SIGNATURE.value}
    assert found["store_bytes"] > 0
    assert found["plan"] == federation.plan.digest()


def test_what_a_participant_refused_last_is_told_until_it_agrees(tmp_path):
    with closing(Federation(tmp_path, consent=False)) as federation:
        federation.open_server()
        for _ in range(4):
            federation.turn_over()
        assert [each["said"] for each in federation.coordinator.status()["participants"]] == [
            "consent"
        ] * 3
