"""Keys are for their owner alone, and a roster pins them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.federation.small_federation import NODE_KEYS, roster_of
from tithe.checks import BadInput
from tithe.federation.keys import create_key, fingerprint, public_bytes, read_key
from tithe.federation.owned import owned_folder
from tithe.federation.roster import Roster, read_roster, write_roster


def test_a_key_comes_back_and_only_its_owner_may_read_it(tmp_path):
    key = create_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert public_bytes(read_key(tmp_path / "key.pem")) == public_bytes(key)


def test_a_key_is_never_overwritten(tmp_path):
    create_key(tmp_path / "key.pem")
    with pytest.raises(BadInput, match="never overwritten"):
        create_key(tmp_path / "key.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(tmp_path, mode):
    create_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(BadInput, match="0600"):
        read_key(tmp_path / "key.pem")


def test_what_is_no_key_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    with pytest.raises(BadInput, match="cannot be read"):
        read_key(path)
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(BadInput, match="no private key"):
        read_key(path)


def test_a_folder_that_others_may_look_into_is_refused(tmp_path):
    folder = owned_folder(tmp_path / "own")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(BadInput, match="0700"):
        owned_folder(folder)


def test_fingerprints_of_two_keys_differ():
    assert len({fingerprint(bytes([each])) for each in range(50)}) == 50


def test_a_roster_comes_back(tmp_path):
    write_roster(tmp_path / "roster.toml", roster_of(3))
    assert read_roster(tmp_path / "roster.toml") == roster_of(3)


@pytest.mark.parametrize("what", ["number", "name", "signing_key", "node_key"])
def test_two_participants_share_nothing(what):
    first, second = roster_of(2).participants
    with pytest.raises(BadInput, match=what):
        Roster((first, replace(second, **{what: getattr(first, what)})))


@pytest.mark.parametrize(
    "text", ["[[participant]]\nnumber = 1", "participants = 3", "not toml", "[[participant]]\nx=1"]
)
def test_a_wrong_roster_is_one_sentence(tmp_path, text):
    (tmp_path / "roster.toml").write_text(text)
    with pytest.raises(BadInput, match=r"roster\.toml"):
        read_roster(tmp_path / "roster.toml")


def test_only_pinned_nodes_count_as_connected():
    nodes = {7: NODE_KEYS[1], 8: b"a stranger", 9: NODE_KEYS[0]}
    assert roster_of(2).connected(nodes) == {1: 7, 0: 9}
