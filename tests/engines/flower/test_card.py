"""A card holds a name and public keys, and nothing that is secret."""

from __future__ import annotations

import pytest

from tithe.checks import BadInput
from tithe.engines.flower.card import make_card, read_card
from tithe.engines.flower.node_keys import node_public_bytes, read_node_key
from tithe.federation.keys import public_bytes, read_key


def test_a_card_names_the_public_halves_of_the_keys_beside_it(tmp_path):
    card = make_card(tmp_path / "home", name="Clinic Ä")
    found = read_card(tmp_path / "home" / "card.toml")
    assert found == card
    assert found.name == "Clinic Ä"
    assert found.signing_key == public_bytes(read_key(tmp_path / "home" / "signing.key"))
    assert found.node_key == node_public_bytes(read_node_key(tmp_path / "home" / "node.key"))
    assert "PRIVATE" not in (tmp_path / "home" / "card.toml").read_text()


def test_keys_are_never_made_over_others(tmp_path):
    make_card(tmp_path / "home", name="one")
    before = (tmp_path / "home" / "node.key").read_bytes()
    with pytest.raises(BadInput, match="never overwritten"):
        make_card(tmp_path / "home", name="two")
    assert (tmp_path / "home" / "node.key").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "name = 1", 'name = "a"\nsigning_key = "zz"\nnode_key = ""', "\x00"]
)
def test_what_is_no_card_is_refused(tmp_path, text):
    (tmp_path / "card.toml").write_text(text)
    with pytest.raises(BadInput, match="is no card"):
        read_card(tmp_path / "card.toml")
