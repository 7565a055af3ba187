"""Store against journals: a sound run is found sound, and each planted fault is found."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.federation.small_federation import RUN, Federation, terms_with
from tithe.federation.frames import LedgerMark
from tithe.federation.reconcile import Seen, reconcile
from tithe.federation.store import UploadStore
from tithe.storage.uploads import UploadJournal, read_uploads

PRIVATE = (
    "data.train_rows=40", "partition.participants=2", "exchange.rounds=2", "sharing.theta_d=0.5",
    "privacy.unit=participant", "sharing.gamma=0.01", "sharing.theta_u=0.01",
    "privacy.noise=secure", "privacy.noise_multiplier=5.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folders of a private run of two participants with two turns each."""
    folder = tmp_path_factory.mktemp("finished")
    with closing(Federation(folder, *PRIVATE, count=2)) as federation:
        federation.snapshot_entries = 3  # so that payloads were pruned and snapshots count
        federation.play()
        federation.central.snapshot()
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of them, to spoil."""
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def audited(run, **named):
    sites = {number: run / f"site-{number}" for number in range(2)}
    return reconcile(terms_with(*PRIVATE), run / "server", sites, **named)


def in_store(run, *statements):
    with closing(sqlite3.connect(run / "server" / "uploads.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def sent_folder(run, number):
    return run / f"site-{number}" / "runs" / RUN.hex() / "sent"


def test_a_run_without_faults_is_sound(run):
    findings = audited(run, seen={0: Seen(acknowledged=[0, 1])})
    assert findings.is_sound, findings
    assert (findings.num_applied, findings.num_sent, findings.num_charged) == (4, 4, 4)


def test_an_acknowledged_upload_that_the_store_lacks_is_lost(run):
    in_store(run, "DELETE FROM entry WHERE kind = 'upload' AND participant = 1 AND turn = 0")
    findings = audited(run)
    assert findings.lost == ["turn 0 of participant 1 was acknowledged and is not in the store"]
    assert not findings.is_sound


def test_what_an_onlooker_saw_acknowledged_counts_as_well(run):
    in_store(run, "DELETE FROM entry WHERE kind = 'upload' AND participant = 1 AND turn = 1")
    assert audited(run, seen={1: Seen(acknowledged=[1])}).lost
    assert not audited(run).lost  # nobody was told of the last one


def test_a_turn_that_was_applied_twice_is_doubled(run):
    in_store(
        run,
        "DROP INDEX applied_once",
        "INSERT INTO entry SELECT number + 100, kind, participant, turn, position, round, "
        "ledger_sequence, ledger_digest, payload_digest, payload FROM entry "
        "WHERE kind = 'upload' AND participant = 0 AND turn = 1",
    )
    findings = audited(run)
    assert findings.doubled == [
        "turn 1 of participant 0 was applied 2x",
        "charge 2 of participant 0 stands for 2 applied uploads",
    ]


def test_an_older_ledger_that_was_put_back_is_a_refund(run, finished, tmp_path):
    with closing(Federation(tmp_path / "short", *PRIVATE, count=2)) as shorter:
        shorter.play(at_most=400)
    for name in ("ledger.sqlite", "ledger.sqlite.lock"):
        shutil.copy(tmp_path / "short" / "site-0" / name, run / "site-0" / name)
    findings = audited(run)
    assert findings.refunded == [
        "turn 0 of participant 0 left, and its charge stands no more",
        "turn 1 of participant 0 left, and its charge stands no more",
    ]
    assert not findings.lost


def test_a_broken_chain_is_a_refund(run):
    with closing(sqlite3.connect(run / "site-0" / "ledger.sqlite")) as connection, connection:
        connection.execute("DELETE FROM entry WHERE sequence = 2")
    (sentence,) = audited(run).refunded
    assert sentence.startswith("participant 0: ")


def test_a_row_that_was_there_once_and_is_gone_is_a_refund(run):
    gone = LedgerMark(3, bytes(32))
    (sentence,) = audited(run, seen={1: Seen(mark=gone)}).refunded
    assert "row 3 was written once" in sentence


def test_two_uploads_on_one_charge_are_a_refund(run):
    first = read_uploads(sent_folder(run, 0))[0]
    with closing(UploadJournal(sent_folder(run, 0), run=RUN.hex())) as journal:
        facts = {name: first.facts[name] for name in ("ledger_sequence", "ledger_hash")}
        journal.note(participant=0, turn=0, payload=b"other", downloaded=None, facts=facts)
    assert audited(run).refunded == ["turn 0 of participant 0 left on the charge of another upload"]


def test_an_upload_that_nobody_sent_is_foreign(run):
    in_store(
        run,
        f"UPDATE entry SET payload_digest = x'{'00' * 32}' "
        "WHERE kind = 'upload' AND participant = 1 AND turn = 1",
    )
    findings = audited(run)
    assert findings.foreign == ["turn 1 of participant 1 was applied and never sent"]
    assert findings.lost == ["the bytes of turn 1 of participant 1 are nowhere"]


def test_parameters_that_no_upload_explains_are_found(run):
    terms = terms_with(*PRIVATE)
    with closing(UploadStore.open(run / "server", run=RUN, plan_hash=terms.plan_hash)) as store:
        _, tensors, plain = store.newest_snapshot()
        tensors["server.vector"][0] += 1e-6
        store.save_snapshot(tensors, plain)
    findings = audited(run)
    assert not findings.is_replayed
    assert not findings.is_sound
