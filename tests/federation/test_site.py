"""What a participant answers, and what it never does."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from tests.federation.sample_frames import damaged
from tests.federation.small_federation import (
    PERMISSIVE,
    RUN,
    SMALL_IS_ALLOWED,
    Federation,
    Policy,
    party_of,
)
from tithe.federation.drift import read_drift
from tithe.federation.frames import (
    Acknowledgement,
    Agreed,
    LedgerMark,
    Offer,
    Refusal,
    RefusalCode,
    Stop,
    Upload,
    read_frame,
    write_frame,
)
from tithe.federation.own_ledger import KIND
from tithe.sharing.codec import encode
from tithe.sharing.update import SparseUpdate
from tithe.storage.journal import Journal

MOST = 1 << 20


def read(body):
    return read_frame(body, most_payload=MOST)


@pytest.fixture
def federation(tmp_path):
    with closing(Federation(tmp_path)) as made:
        made.open_server()
        yield made


def first_download(federation):
    """The first download for participant 0, not yet answered."""
    while not any(body[3] == 3 for body in federation.office.everything):
        for number in federation.sites:
            federation.attend(number)
        federation.coordinator.step()
    return next(body for body in federation.office.everything if body[3] == 3)


def charged(federation, number=0):
    """The turns in the site's ledger, which is closed for it."""
    federation.close_site(number)
    rows = Journal.read(federation.folder / f"site-{number}" / "ledger.sqlite", kind=KIND).rows
    federation.open_site(number)
    return [row["turn"] for row in rows]


def code_of(body):
    frame = read(body)
    assert isinstance(frame, Refusal)
    return frame.code


def test_the_same_download_gets_the_same_bytes_also_after_a_restart(federation):
    body = first_download(federation)
    answer = federation.sites[0].handle(body)
    assert isinstance(read(answer), Upload)
    assert federation.sites[0].handle(body) == answer
    assert charged(federation) == [0]
    assert federation.sites[0].handle(body) == answer
    assert charged(federation) == [0]


def test_no_turn_without_consent_and_the_offer_is_kept(tmp_path):
    with closing(Federation(tmp_path, consent=False)) as federation:
        federation.open_server()
        for _ in range(10):
            federation.turn_over()
        assert all(len(site.consents.offers()) == 1 for site in federation.sites.values())
        assert federation.store.number == 0


def test_withdrawn_consent_ends_the_turns(federation):
    body = first_download(federation)
    federation.sites[0].consents.withdraw(federation.plan.digest())
    assert code_of(federation.sites[0].handle(body)) is RefusalCode.CONSENT
    assert federation.sites[0].has_left
    assert not federation.sites[1].has_left


def test_what_the_policy_forbids_is_not_agreed_to(tmp_path):
    policy = Policy(unit="none", theta_u=0.01, audit=SMALL_IS_ALLOWED)
    with closing(Federation(tmp_path, policy=policy)) as federation:
        terms = federation.terms
        offer = Offer(RUN, terms.plan_hash, terms.size, terms.plan_text)
        assert code_of(federation.sites[0].handle(write_frame(offer))) is RefusalCode.POLICY


def test_an_offer_with_another_hash_or_size_or_text_is_no_offer(federation):
    terms, site = federation.terms, federation.sites[0]
    good = Offer(RUN, terms.plan_hash, terms.size, terms.plan_text)
    for changes in ({"plan_hash": bytes(32)}, {"size": 7}, {"plan_text": "/etc/passwd"}):
        body = write_frame(replace(good, **changes))
        assert code_of(site.handle(body)) is RefusalCode.MALFORMED
    assert isinstance(read(site.handle(write_frame(good))), Agreed)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"run": b"another run 1234"}, RefusalCode.RUN),
        ({"participant": 1}, RefusalCode.MALFORMED),
        ({"turn": 3}, RefusalCode.ENDED),
        ({"base": 1}, None),  # all parameters are there, so it needs nothing to lie over
        ({"payload": b"?" * 50}, RefusalCode.MALFORMED),
        ({"acknowledged": Acknowledgement(0, LedgerMark(4, bytes(32)))}, RefusalCode.LEDGER),
    ],
)
def test_a_wrong_download_is_refused_by_its_code(federation, changes, code):
    body = write_frame(replace(read(first_download(federation)), **changes))
    answer = read(federation.sites[0].handle(body))
    assert getattr(answer, "code", None) == code
    if code is not None:
        assert charged(federation) == []


def test_a_download_over_another_that_is_not_there_is_refused(federation):
    part = SparseUpdate(torch.tensor([3]), torch.tensor([0.5]), federation.terms.size)
    payload = encode(part, values="float32", rng=None)
    download = replace(read(first_download(federation)), base=4, sequence=5, payload=payload)
    assert code_of(federation.sites[0].handle(write_frame(download))) is RefusalCode.BEHIND


def test_a_download_that_is_not_finite_is_refused(federation):
    download = read(first_download(federation))
    broken = bytearray(download.payload)
    broken[-8:-4] = torch.tensor([float("nan")]).numpy().tobytes()
    body = write_frame(replace(download, payload=bytes(broken)))
    assert code_of(federation.sites[0].handle(body)) is RefusalCode.MALFORMED


def test_turns_of_an_hour_and_the_last_day_are_kept(tmp_path):
    policy = PERMISSIVE.model_copy(
        update={"turns_per_hour": 1, "until": dt.date(2026, 1, 1), "drift_check": True}
    )
    with closing(Federation(tmp_path, policy=policy)) as federation:
        now = [dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)]
        for site in federation.sites.values():
            site._now = lambda: now[0]
        federation.open_server()
        download = read(first_download(federation))
        site = federation.sites[0]
        assert isinstance(read(site.handle(write_frame(download))), Upload)
        second = write_frame(replace(download, turn=1, sequence=2))
        assert code_of(site.handle(second)) is RefusalCode.LATER
        now[0] += dt.timedelta(hours=1, seconds=1)
        assert isinstance(read(site.handle(second)), Upload)
        now[0] += dt.timedelta(days=1)
        third = write_frame(replace(download, turn=2, sequence=3))
        assert code_of(site.handle(third)) is RefusalCode.ENDED
        seen = read_drift(tmp_path / "site-0" / "runs" / RUN.hex() / "drift.jsonl")
        assert [line["turn"] for line in seen] == [0, 1]
        assert all(0 <= line["accuracy"] <= 1 for line in seen)


def test_a_ledger_put_back_is_found_when_the_server_remembers_it(tmp_path):
    with closing(Federation(tmp_path)) as federation:
        federation.open_server()
        body = first_download(federation)
        answer = read(federation.sites[0].handle(body))
        federation.close_site(0)
        for path in (tmp_path / "site-0").glob("ledger.sqlite*"):
            path.unlink()
        federation.open_site(0)
        again = replace(
            read(body), turn=1, sequence=2, acknowledged=Acknowledgement(0, answer.mark)
        )
        assert code_of(federation.sites[0].handle(write_frame(again))) is RefusalCode.LEDGER


def test_a_run_that_was_stopped_is_over(federation):
    body = first_download(federation)
    assert isinstance(read(federation.sites[0].handle(write_frame(Stop(RUN)))), Agreed)
    assert code_of(federation.sites[0].handle(body)) is RefusalCode.RUN


def fuzz(federation, num_messages, seed):
    import random

    draws = random.Random(seed)
    body = first_download(federation)
    turn, folder = federation.sites[0], federation.folder / "site-0"
    before = sorted(path.name for path in folder.rglob("*"))
    for _ in range(num_messages):
        answer = turn.handle(damaged(body[: 4 + 84], draws) + body[88:][: draws.randrange(200)])
        assert isinstance(read(answer), Refusal)
    assert sorted(path.name for path in folder.rglob("*")) == before
    assert charged(federation) == []
    assert isinstance(read(federation.sites[0].handle(body)), Upload)


def test_damaged_messages_change_nothing(federation):
    fuzz(federation, 1_000, seed=3)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_messages_change_nothing(federation):
    fuzz(federation, 100_000, seed=4)


def test_nothing_recognisable_of_the_rows_is_in_any_byte_that_was_exchanged(tmp_path):
    marker = 0.31415927410125732
    with closing(Federation(tmp_path / "secret-folder-name")) as federation:
        for number in range(3):
            party = party_of(federation.plan, number)
            data = party.participant.shard.data
            rows = data.features.to(torch.float32).clone()
            rows[:, :, 0, 0] = marker
            marked = replace(
                data, name="secret-data-name", features=rows, class_names=("secret-label",) * 10
            )
            shard = replace(party.participant.shard, data=marked)
            planted = replace(party, participant=replace(party.participant, shard=shard))
            federation.sites[number]._make_party = lambda plan, planted=planted: planted
        federation.play()
        everything = b"".join(federation.office.everything)
    value = torch.tensor([marker]).numpy().tobytes()
    assert rows.numpy().tobytes().count(value) >= 30  # it is there to be found
    for secret in (b"secret", value, value[::-1], b"0.314159", str(tmp_path).encode(), b"loss"):
        plan_text = federation.terms.plan_text.encode()
        assert secret not in everything.replace(plan_text, b"")


def test_a_participant_is_told_once_why_its_policy_forbids_a_plan(tmp_path):
    policy = PERMISSIVE.model_copy(update={"theta_u": 0.001})
    with closing(Federation(tmp_path, policy=policy)) as federation:
        told = tell_of(federation, 0)
        federation.open_server()
        for _ in range(6):
            federation.turn_over()
        assert [sentence for sentence in told if "your policy forbids federation" in sentence] == [
            "your policy forbids federation: sharing.theta_u must be at most 0.001, got 0.1"
        ]


def tell_of(federation, number):
    """What this site tells its human from now on."""
    told = []
    federation.sites[number]._tell = told.append
    return told


def test_data_that_make_another_network_than_the_servers_are_told_of_and_refused(federation):
    told = tell_of(federation, 0)
    plan = federation.plan
    offer = Offer(RUN, bytes.fromhex(plan.digest()), 777, plan.to_toml())
    for _ in range(2):
        assert code_of(federation.sites[0].handle(write_frame(offer))) is RefusalCode.MALFORMED
    (sentence,) = told
    assert "your data do not fit the plan: rows of 1 x 8 x 8 features and 10 classes" in sentence
    assert "the server's has 777" in sentence


def test_an_upload_that_the_server_refuses_is_told_to_who_paid_for_it(federation):
    told = tell_of(federation, 0)
    federation.gatekeeper._keys[0] = bytes(32)  # the server pinned another key
    federation.play()
    mine = [sentence for sentence in told if "did not take the upload" in sentence]
    assert mine
    assert (
        "the server did not take the upload of turn 0, whose cost stays in your ledger" in mine[0]
    )
    assert not any("did not take" in sentence for sentence in tell_of(federation, 1))


def test_the_end_of_a_run_is_told_and_its_figures_stay(federation):
    told = tell_of(federation, 0)
    federation.play()
    assert told[-1].startswith("the run of federation is over")
    status = federation.sites[0].status()
    assert (status["turns"], status["charges"], status["is_running"]) == (3, 3, False)
    assert status["budget"] is None


def test_a_turn_that_sent_nothing_is_told_with_its_reason(tmp_path):
    private = ("privacy.unit=participant", "sharing.gamma=0.01", "sharing.theta_u=0.01")
    over = (*private, "privacy.noise=simulated", "privacy.epsilon=0.5", "exchange.rounds=3")
    with closing(Federation(tmp_path, *over)) as federation:
        told = tell_of(federation, 0)
        ledger = take_away_budget(federation)
        federation.play()
        assert ledger
        assert any("sent nothing: " in sentence for sentence in told)


def take_away_budget(federation):
    """A ledger that refuses everything, in place of the first site's own."""
    from tithe.privacy.budget import BudgetExhausted

    def refuse(**_):
        raise BudgetExhausted(0, 0.5, 0.5, 0.1)

    federation.open_server()
    while federation.sites[0]._turns is None:
        federation.turn_over()
    federation.sites[0]._turns._ledger.charge = refuse
    return refuse
