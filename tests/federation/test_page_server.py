"""The status page's server: this machine reads, by its own name, and does nothing else."""

from __future__ import annotations

import socket

import httpx
import pytest

from tithe.checks import BadInput
from tithe.federation.page_server import HOST, served


def page(path):
    return ("text/html", b"<p>here</p>") if path == "/" else None


@pytest.fixture
def address():
    with served(page, port=0) as found:
        yield found


def answer(address, request):
    """The first line of what the server says to these bytes."""
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port), timeout=10) as line:
        line.sendall(request)
        return line.makefile("rb").readline().decode()


def test_a_reader_on_this_machine_gets_the_page_by_both_of_its_names(address):
    for name in (HOST, "localhost"):
        found = httpx.get(address.replace(HOST, name))
        assert (found.status_code, found.content) == (200, b"<p>here</p>")
        assert found.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in found.headers["content-security-policy"]
        assert "server" not in found.headers or "Python" not in found.headers["server"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1"])
def test_a_foreign_host_is_refused_so_that_rebinding_a_name_reads_nothing(address, host):
    found = httpx.get(address, headers={"Host": host})
    assert found.status_code == 421
    assert b"here" not in found.content


def test_no_host_and_two_hosts_are_refused(address):
    host = httpx.URL(address).netloc.decode()
    assert " 421 " in answer(address, b"GET / HTTP/1.0\r\n\r\n")
    twice = f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n".encode()
    assert " 421 " in answer(address, twice)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_every_method_but_get_is_refused(address, method):
    found = httpx.request(method, address)
    assert found.status_code == 405
    assert found.headers["allow"] == "GET"


def test_what_is_no_path_of_the_page_is_not_there(address):
    for path in ("status", "../etc/passwd", "%2e%2e/store/uploads.sqlite", "?x=1"):
        assert httpx.get(address + path).status_code == 404


def test_what_is_no_http_harms_nobody(address):
    answer(address, b"\x16\x03\x01\x00\xff nonsense\r\n\r\n")
    assert httpx.get(address).status_code == 200


def test_it_listens_on_loopback_alone(address):
    port = httpx.URL(address).port
    with socket.socket() as other:  # every address of loopback's net is this machine's
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_a_port_that_is_taken_is_one_sentence_or_another_port():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(BadInput, match=f"port {port} of .* cannot be had for the status page"),
            served(page, port=port),
        ):
            pass
        with served(page, port=port, is_strict=False) as address:
            assert httpx.URL(address).port != port
            assert httpx.get(address).status_code == 200


def test_nothing_listens_any_more_after_the_block():
    with served(page, port=0) as address:
        pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_too_many_readers_at_once_are_hung_up_on_and_the_next_is_served(address):
    url = httpx.URL(address)
    lines = [socket.create_connection((url.host, url.port)) for _ in range(20)]
    for line in lines:
        line.close()
    for _ in range(50):
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            continue
    raise AssertionError("nobody was served any more")
