"""A node's key is made once, kept for its owner alone, and read by Flower's own tools too."""

from __future__ import annotations

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tithe.checks import BadInput
from tithe.engines.flower.node_keys import create_node_key, node_public_bytes, read_node_key
from tithe.federation.keys import create_key


def test_a_key_comes_back_from_its_file_with_its_public_half_on_p384(tmp_path):
    made = create_node_key(tmp_path / "node.key")
    found = read_node_key(tmp_path / "node.key")
    public = load_pem_public_key(node_public_bytes(found))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public == made.public_key()
    assert public.curve.name == "secp384r1"
    assert stat.S_IMODE((tmp_path / "node.key").stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path):
    create_node_key(tmp_path / "node.key")
    with pytest.raises(BadInput, match="never overwritten"):
        create_node_key(tmp_path / "node.key")


def test_a_key_that_others_may_read_is_refused(tmp_path):
    create_node_key(tmp_path / "node.key")
    (tmp_path / "node.key").chmod(0o640)
    with pytest.raises(BadInput, match="mode 0600"):
        read_node_key(tmp_path / "node.key")


def test_a_signing_key_in_its_place_is_refused(tmp_path):
    create_key(tmp_path / "node.key")
    with pytest.raises(BadInput, match="is no node key"):
        read_node_key(tmp_path / "node.key")
