"""Where a SuperLink is, and that nothing goes to another machine in plaintext."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.engines.flower.calls import Address, Unreachable, address_of, told_apart
from tithe.engines.flower.node_keys import create_node_key
from tithe.engines.flower.node_post import FlowerNodePost
from tithe.engines.flower.superlink import free_port


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"])
def test_plaintext_goes_to_this_machine(url):
    assert address_of(url).is_plaintext


@pytest.mark.parametrize(
    "url", ["http://server.example:80", "http://192.0.2.7", "http://127.0.0.1.evil.example"]
)
def test_plaintext_to_another_machine_is_refused(url):
    with pytest.raises(BadInput, match="gets nothing in plaintext"):
        address_of(url)


@pytest.mark.parametrize(
    "url", ["server.example", "ftp://a", "https://", "https://a/b", "https://a:0"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(BadInput, match=r"no address|port must be"):
        address_of(url)


def test_an_address_is_written_as_flower_reads_it():
    assert address_of("https://server.example").text == "server.example:443"
    assert address_of("http://[::1]:7").text == "[::1]:7"


def test_a_file_that_is_no_certificate_is_refused(tmp_path):
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(BadInput, match="holds no certificate"):
        Address("server.example", 443, tmp_path / "ca.crt")
    with pytest.raises(BadInput, match="cannot be read"):
        Address("server.example", 443, tmp_path / "absent.crt")


def test_a_server_that_is_away_is_waited_for_and_told_of_once(tmp_path):
    told = []
    address = Address("127.0.0.1", free_port(), is_plaintext=True)
    with FlowerNodePost(address, key=create_node_key(tmp_path / "k"), tell=told.append) as post:
        assert post.pull() is None
        post._backoff.succeeded()  # as if the time had passed
        post._backoff._failures = 1
        assert post.pull() is None
        assert not post.is_connected
    assert len(told) == 1
    assert "does not answer" in told[0]


def test_other_failures_pass_through():
    with pytest.raises(KeyError), told_apart(Address("localhost", 1, is_plaintext=True)):
        raise KeyError
    assert not issubclass(Unreachable, ValueError)
