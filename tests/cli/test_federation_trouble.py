"""What operators get wrong: one clear sentence each, the code of bad input, and no traceback."""

from __future__ import annotations

import csv
import socket
import stat
import sys
import threading
from contextlib import closing
from datetime import timedelta

import pytest

from tests.cli.test_federation import PLAN, POLICY, tithe
from tests.engines.flower.test_trouble import clock_at
from tithe.engines.flower import certificates
from tithe.engines.flower.superlink import free_port
from tithe.federation.consent import Consents, offered_size
from tithe.federation.own_ledger import OwnLedger
from tithe.federation.party import party_with
from tithe.plan import load_plan
from tithe.storage.lock import FileLock

BAD_INPUT = 2
TABLE = """
name = "table"
[data]
set = "csv:SERVER.csv"
normalise = "none"
options = { label = "outcome", classes = ["no", "yes"] }
[partition]
participants = 2
[exchange]
rounds = 2
[baselines]
centralised = false
standalone = 0
"""


@pytest.fixture
def home(tmp_path):
    """A plan, a policy, a clinic with keys and a server with certificates."""
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "policy.toml").write_text(POLICY)
    assert tithe("keys", tmp_path / "clinic", "--name", "clinic").exit_code == 0
    assert tithe("keys", tmp_path / "server", "--host", "server.example").exit_code == 0
    return tmp_path


def own(home):
    return ("--dir", home / "clinic", "--policy", home / "policy.toml", "--number", 0)


def join(home, url=None, **options):
    url = url or f"https://localhost:{free_port()}"
    authority = ("--authority", home / "server" / "certificates" / "ca.crt")
    return tithe("join", url, *own(home), *authority, *options.get("more", ()))


def serve(home, *more):
    return tithe("serve", home / "plan.toml", "--dir", home / "server", *more)


def complaint(done, code=BAD_INPUT):
    """The one sentence on standard error."""
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("tithe: ")
    assert "Traceback" not in line
    assert "unexpected" not in line
    return line


def write_rows(path, *, columns=3, names=("no", "yes"), rows=20):
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*(f"x{n}" for n in range(columns)), "outcome"])
        for row in range(rows):
            lines.writerow([*(row / 7 + n for n in range(columns)), names[row % len(names)]])


@pytest.mark.parametrize("key", ["signing.key", "node.key"])
def test_a_key_that_others_may_read_is_refused_with_the_way_out(home, key):
    (home / "clinic" / key).chmod(0o644)
    assert "mode 0600), got 0644; run chmod 600 on it" in complaint(join(home))


def test_a_folder_that_others_may_look_into_is_refused(home):
    (home / "clinic").chmod(0o755)
    assert "mode 0700), got 0755; run chmod 700 on it" in complaint(join(home))


def test_a_signing_key_that_is_not_on_the_card_is_found_before_anything_is_charged(home):
    tithe("keys", home / "other", "--name", "other")
    (home / "clinic" / "signing.key").write_bytes((home / "other" / "signing.key").read_bytes())
    assert "is not the key on" in complaint(join(home))
    (home / "clinic" / "card.toml").unlink()  # a card that was handed over may be gone
    assert "signing.key" not in unreachable(home).stderr


class AfterSomeLooks(threading.Event):
    """Is set when a daemon has waited so often for work."""

    left = 12

    def wait(self, timeout=None):
        self.left -= 1
        if self.left == 0:
            self.set()
        return super().wait(min(timeout, 0.05))


def unreachable(home):
    """What ``tithe join`` says of a server that is away while it looks a dozen times."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys.modules["tithe.cli.join"], "over_at_signals", AfterSomeLooks)
        return join(home)


def test_a_server_that_is_away_is_told_of_once_and_tried_again(home):
    done = unreachable(home)
    assert done.exit_code == 0
    assert "does not answer" in complaint(done, 0)
    assert "trying again" in done.stderr
    assert "Stopped; the same command goes on" in done.stdout


def test_a_folder_that_another_daemon_uses_is_refused(home):
    lock = FileLock.take(home / "clinic" / "daemon.lock")
    try:
        assert "is held by process" in complaint(join(home))
    finally:
        lock.release()
    (home / "server" / "store").mkdir(mode=0o700)
    lock = FileLock.take(home / "server" / "store" / "uploads.lock")
    try:
        assert "is held by process" in complaint(serve(home, "--no-page"))
    finally:
        lock.release()


def test_a_port_that_is_taken_is_named(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = complaint(serve(home, "--port", port, "--no-page"))
        assert f"port {port} of 127.0.0.1 cannot be had: Address already in use" in found
        found = complaint(serve(home, "--port", free_port(), "--page-port", port))
        assert f"port {port} of 127.0.0.1 cannot be had for the status page" in found


def test_a_server_without_certificates_is_told_what_is_missing(home):
    (home / "server" / "certificates" / "server.crt").unlink()
    assert "server.crt is not there; make it with tithe keys" in complaint(serve(home, "--no-page"))


def test_a_server_with_an_expired_certificate_is_told_how_to_renew_it(home, monkeypatch):
    monkeypatch.setattr(certificates, "datetime", clock_at(-timedelta(days=400)))
    assert tithe("keys", home / "server", "--host", "server.example").exit_code == 0
    monkeypatch.undo()
    found = complaint(serve(home, "--no-page"))
    assert "server.crt expired on" in found
    assert "make a new one with tithe keys" in found
    assert tithe("keys", home / "server", "--host", "server.example").exit_code == 0
    assert "expired" not in serve(home, "--no-page", "--port", 0).stderr


def test_plaintext_to_another_machine_and_a_missing_authority_are_refused(home):
    assert "gets nothing in plaintext" in complaint(join(home, "http://server.example:9443"))
    (home / "server" / "certificates" / "ca.crt").write_text("nothing")
    assert "holds no certificate in PEM form" in complaint(join(home))


def test_a_changed_plan_in_a_folder_with_a_run_is_refused(home):
    from tithe.federation.store import UploadStore

    UploadStore.open(home / "server" / "store", run=bytes(16), plan_hash=bytes(32)).close()
    assert "holds a run of another plan" in complaint(serve(home, "--no-page"))


def test_options_say_how_own_rows_are_read(home):
    (home / "plan.toml").write_text(TABLE.replace("outcome", "label"))
    write_rows(home / "rows.csv")
    data = ("--data", f"csv:{home / 'rows.csv'}")
    done = tithe("consent", home / "plan.toml", *own(home), *data, "--yes")
    assert "label" in complaint(done)  # the plan's own name for it is not in this file
    done = tithe(
        "consent", home / "plan.toml", *own(home), *data, "--data-option", "label=outcome", "--yes"
    )
    assert done.exit_code == 0, done.stderr
    assert "on your 16 rows" in done.stdout  # a fifth is held out


def test_what_a_plan_says_of_files_of_the_same_kind_holds_for_own_rows(home):
    (home / "plan.toml").write_text(TABLE)
    write_rows(home / "rows.csv")
    data = ("--data", f"csv:{home / 'rows.csv'}", "--data-option", "test_fraction=0.5")
    done = tithe("consent", home / "plan.toml", *own(home), *data, "--yes")
    assert "on your 10 rows" in done.stdout


@pytest.mark.parametrize("text", ["label", "=outcome"])
def test_an_option_that_is_none_is_refused(home, text):
    done = tithe(
        "consent", home / "plan.toml", *own(home), "--data", "csv:x", "--data-option", text
    )
    assert "must look like label=outcome" in complaint(done)


def test_options_without_data_are_refused(home):
    done = tithe("consent", home / "plan.toml", *own(home), "--data-option", "label=x", "--yes")
    assert "--data, which is missing" in complaint(done)


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"columns": 4}, "rows of 4 features and 2 classes"),
        ({"names": ("no", "maybe")}, "must be one of 2 classes"),
    ],
)
def test_data_that_do_not_fit_an_offer_are_refused_before_consent_is_asked(home, different, words):
    (home / "plan.toml").write_text(TABLE)
    write_rows(home / "rows.csv")
    data = ("--data", f"csv:{home / 'rows.csv'}")
    done = tithe("consent", home / "plan.toml", *own(home), *data, "--yes")
    size = int(done.stdout.partition("network of ")[2].split()[0].replace(",", ""))
    consents = Consents(home / "clinic" / "site" / "consents")
    consents.withdraw(load_plan(home / "plan.toml").digest())
    consents.keep_offer(load_plan(home / "plan.toml"), size=size)
    (offer,) = consents.offers()
    assert offered_size(offer) == size
    assert tithe("consent", offer, *own(home), *data, answer="n\n").exit_code == 0
    write_rows(home / "rows.csv", **different)
    assert words in complaint(tithe("consent", offer, *own(home), *data, answer="y\n"))
    assert not list((home / "clinic").rglob("*.consent.json"))


def test_a_plan_that_was_changed_since_the_consent_is_told_with_what_changed(home):
    assert tithe("consent", home / "plan.toml", *own(home), "--yes").exit_code == 0
    consents = Consents(home / "clinic" / "site" / "consents")
    changed = load_plan(home / "plan.toml", ["sharing.theta_u=0.5"])
    consents.keep_offer(changed, size=13706)
    done = unreachable(home)
    assert "the plan small was changed since your consent (sharing.theta_u = 0.5, not 0.1)" in (
        done.stderr
    )
    assert "agree with tithe consent" in done.stderr


def test_consent_says_what_the_ledger_of_these_rows_has_room_for(home):
    private = (
        TABLE.replace("rounds = 2", "rounds = 1")
        + '[privacy]\nunit = "record"\nepsilon = 8\ndelta = 1e-5\n'
    )
    (home / "plan.toml").write_text(private)
    (home / "policy.toml").write_text("secure_noise = false\n")
    write_rows(home / "rows.csv", rows=200)
    data = ("--data", f"csv:{home / 'rows.csv'}")
    plan = load_plan(home / "plan.toml")
    party = party_with(plan, 0, data=data[1], options={})
    (home / "clinic" / "site").mkdir(mode=0o700)
    path = home / "clinic" / "site" / "ledger.sqlite"
    for turn, room in enumerate(("all of these turns", "0 of these 1 turns")):
        with closing(OwnLedger(path, party.participant, run="earlier")) as ledger:
            if turn:
                ledger.charge(participant=0, turn=turn, events=list(party.participant.cost))
        done = tithe("consent", home / "plan.toml", *own(home), *data, "--yes")
        assert f"Your ledger has room for {room}" in done.stdout, done.stderr
    lock = FileLock.take(home / "clinic" / "daemon.lock")
    try:
        done = tithe("consent", home / "plan.toml", *own(home), *data, "--yes")
        assert "Your daemon has the ledger open" in done.stdout
    finally:
        lock.release()
    write_rows(home / "rows.csv", rows=190)  # somebody changed the rows
    done = tithe("consent", home / "plan.toml", *own(home), *data, "--yes")
    assert "is a ledger of other data" in complaint(done)


def test_a_status_has_what_a_participant_may_see_of_itself(home):
    unreachable(home)
    done = tithe("status", home / "clinic")
    assert "No run was taken up yet" in done.stdout
    assert tithe("status", home / "clinic", "--json").stdout.startswith("{")
    assert stat.S_IMODE((home / "clinic").stat().st_mode) == 0o700
