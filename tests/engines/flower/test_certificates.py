"""An authority of our own: what it signs is trusted, in time, by the right names, and private."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tithe.checks import BadInput
from tithe.engines.flower.certificates import make_certificates, require_current


def greeted(files, *, authority, name):
    """What a client says that calls the server by this name; None if it is content."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.server, files.server_key)
    here, there = socket.socketpair()

    def serve():
        try:
            with server.wrap_socket(there, server_side=True):
                pass
        except OSError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ssl.create_default_context(cafile=authority).wrap_socket(here, server_hostname=name):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        here.close()
        thread.join()


def test_every_file_is_for_its_owner_alone(tmp_path):
    files = make_certificates(tmp_path / "certificates", hosts=["server.example"])
    for path in (files.authority, files.authority_key, files.server, files.server_key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.server.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["server.example", "192.0.2.7", "localhost", "127.0.0.1"])
def test_a_client_with_the_authority_trusts_the_server_by_each_of_its_names(tmp_path, name):
    files = make_certificates(tmp_path / "c", hosts=["server.example", "192.0.2.7"])
    assert greeted(files, authority=files.authority, name=name) is None


def test_a_name_that_is_not_in_the_certificate_is_refused(tmp_path):
    files = make_certificates(tmp_path / "c", hosts=["server.example"])
    assert "mismatch" in greeted(files, authority=files.authority, name="other.example")


def test_another_authority_is_refused(tmp_path):
    files = make_certificates(tmp_path / "ours", hosts=[])
    others = make_certificates(tmp_path / "theirs", hosts=[])
    assert greeted(files, authority=others.authority, name="localhost") is not None


def test_a_renewed_certificate_is_trusted_by_who_has_the_old_authority(tmp_path):
    first = make_certificates(tmp_path / "c", hosts=[])
    authority, server = first.authority.read_bytes(), first.server.read_bytes()
    renewed = make_certificates(tmp_path / "c", hosts=["new.example"])
    assert renewed.authority.read_bytes() == authority
    assert renewed.server.read_bytes() != server
    assert greeted(renewed, authority=renewed.authority, name="new.example") is None


def test_an_expired_certificate_is_one_sentence(tmp_path):
    files = make_certificates(tmp_path / "c", hosts=[], days=10)
    assert timedelta(days=9) < require_current(files) <= timedelta(days=10)
    with pytest.raises(BadInput, match=r"server\.crt expired on .*; make a new one"):
        require_current(files, now=datetime.now(UTC) + timedelta(days=11))


def test_a_key_that_others_may_read_is_refused(tmp_path):
    files = make_certificates(tmp_path / "c", hosts=[])
    files.server_key.chmod(0o644)
    with pytest.raises(BadInput, match="mode 0600"):
        require_current(files)


def test_a_key_of_another_authority_is_refused(tmp_path):
    files = make_certificates(tmp_path / "ours", hosts=[])
    others = make_certificates(tmp_path / "theirs", hosts=[])
    files.authority_key.unlink()
    files.authority_key.touch(0o600)
    files.authority_key.write_bytes(others.authority_key.read_bytes())
    with pytest.raises(BadInput, match="do not belong together"):
        make_certificates(tmp_path / "ours", hosts=[])


@pytest.mark.parametrize("host", ["", "https://server", "two words", "a/b", "umlaut-ä.example"])
def test_what_is_no_host_is_refused(tmp_path, host):
    with pytest.raises(BadInput, match="is no host name or address"):
        make_certificates(tmp_path / "c", hosts=[host])
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("days", [0, 826])
def test_days_out_of_range_are_refused(tmp_path, days):
    with pytest.raises(BadInput, match="days must be in 1 to 825"):
        make_certificates(tmp_path / "c", hosts=[], days=days)
