"""What an operator meets: certificates that will not do, a clock that is wrong, a server away."""

from __future__ import annotations

import http.server
import re
import ssl
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tithe.checks import BadInput
from tithe.engines.flower import certificates
from tithe.engines.flower.calls import Address, Refused, Unreachable, told_apart
from tithe.engines.flower.certificates import make_certificates
from tithe.engines.flower.node_keys import create_node_key
from tithe.engines.flower.node_post import FlowerNodePost


def clock_at(shift):
    """A stand-in for ``datetime`` whose now is so far from the true one."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + shift

    return Shifted


class TlsServer:
    """Shows a certificate to whoever calls, and answers nothing of Flower's."""

    def __init__(self, files):
        self.server = http.server.HTTPServer(
            ("127.0.0.1", 0), http.server.BaseHTTPRequestHandler, bind_and_activate=True
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.server, files.server_key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self.server.server_port

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def pulled_from(port, authority, tmp_path):
    """What a node says that looks for messages there."""
    told = []
    address = Address("127.0.0.1", port, authority)
    with FlowerNodePost(address, key=create_node_key(tmp_path / "k"), tell=told.append) as post:
        assert post.pull() is None
    (sentence,) = told
    return sentence


def test_an_expired_certificate_is_waited_out_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "datetime", clock_at(-timedelta(days=30)))
    files = make_certificates(tmp_path / "c", hosts=[], days=10)
    monkeypatch.undo()
    with TlsServer(files) as port:
        sentence = pulled_from(port, files.authority, tmp_path)
    assert "certificate that is out of date (certificate has expired)" in sentence
    assert "has to renew it" in sentence


def test_a_certificate_of_tomorrow_names_the_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "datetime", clock_at(timedelta(days=2)))
    files = make_certificates(tmp_path / "c", hosts=[])
    monkeypatch.undo()
    with TlsServer(files) as port:
        assert "or this machine's clock is wrong" in pulled_from(port, files.authority, tmp_path)


def test_another_authority_ends_it_and_says_which_file_is_needed(tmp_path):
    files = make_certificates(tmp_path / "ours", hosts=[])
    others = make_certificates(tmp_path / "theirs", hosts=[])
    with (
        TlsServer(files) as port,
        pytest.raises(BadInput, match=r"no certificate that .*ca\.crt vouches for .*; get the"),
    ):
        pulled_from(port, others.authority, tmp_path)


def test_a_name_that_is_not_the_certificates_ends_it_and_says_what_to_call(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "_LOCAL", ())
    files = make_certificates(tmp_path / "ours", hosts=["server.example"])
    with (
        TlsServer(files) as port,
        pytest.raises(BadInput, match=r"other names than 127\.0\.0\.1; call it by"),
    ):
        pulled_from(port, files.authority, tmp_path)


def refusal(*, date, elapsed=0.0):
    """A 401 with this ``Date``, as a SuperLink gives it."""
    response = httpx.Response(
        401, headers={"date": date}, request=httpx.Request("POST", "https://a")
    )
    response.elapsed = timedelta(seconds=elapsed)
    return httpx.HTTPStatusError("refused", request=response.request, response=response)


def raised_by(error):
    with (
        pytest.raises((BadInput, Refused, Unreachable)) as found,
        told_apart(Address("a.example", 1)),
    ):
        raise error
    return found.value


def http_date(seconds_from_now):
    at = datetime.now(UTC) + timedelta(seconds=seconds_from_now)
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("seconds", "words"), [(-8, "is [89] s ahead of"), (400, "is (399|400) s behind")]
)
def test_clocks_that_are_apart_are_named_as_the_cause(seconds, words):
    error = raised_by(refusal(date=http_date(seconds)))
    assert isinstance(error, BadInput)
    assert re.search(f"clock {words} the server's", str(error))


@pytest.mark.parametrize("seconds", [0, -3, 200])
def test_clocks_that_are_near_enough_are_not(seconds):
    assert isinstance(raised_by(refusal(date=http_date(seconds))), Refused)


def test_a_slow_way_is_not_taken_for_a_clock():
    assert isinstance(raised_by(refusal(date=http_date(-20), elapsed=18.0)), Refused)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_nothing_is_said_of_clocks(date):
    assert isinstance(raised_by(refusal(date=date)), Refused)
