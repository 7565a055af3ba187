"""A participant's card: its name and public keys, to be handed to who runs the server."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tithe.checks import BadInput
from tithe.engines.flower.node_keys import create_node_key, node_public_bytes
from tithe.federation.keys import create_key, public_bytes, read_key
from tithe.federation.owned import owned_folder
from tithe.record import write_atomically

CARD = "card.toml"


@dataclass(frozen=True)
class Card:
    """What a server pins; nothing on it is secret.

    Attributes:
      name: for people.
      signing_key: 32 raw bytes; uploads are signed with its other half.
      node_key: PEM; the SuperLink knows the participant by it.
    """

    name: str
    signing_key: bytes
    node_key: bytes


def make_card(folder: Path, *, name: str) -> Card:
    """Draws both keys of a participant into a folder for its owner alone, with the card beside.

    Raises:
      BadInput: there are keys already, or a folder that cannot hold them.
    """
    home = owned_folder(folder)
    for each in ("signing.key", "node.key"):
        if (home / each).exists():
            raise BadInput(f"{home / each} exists already; a key is never overwritten")
    card = Card(
        name,
        public_bytes(create_key(home / "signing.key")),
        node_public_bytes(create_node_key(home / "node.key")),
    )
    content = {
        "name": card.name,
        "signing_key": card.signing_key.hex(),
        "node_key": card.node_key.decode("ascii"),
    }
    write_atomically(home / CARD, tomli_w.dumps(content, multiline_strings=True).encode())
    return card


def key_on_card(home: Path) -> Ed25519PrivateKey:
    """The participant's signing key, which is the one that its card names, if it lies there yet.

    Raises:
      BadInput: it cannot be read, or the card names another: the server pinned what is on the card
        and would refuse every upload, after it was charged.
    """
    key = read_key(home / "signing.key")
    card = home / CARD
    if card.exists() and public_bytes(key) != read_card(card).signing_key:
        raise BadInput(
            f"{home / 'signing.key'} is not the key on {card}, by which the server knows "
            "you; put the key back that belongs to the card"
        )
    return key


def read_card(path: Path) -> Card:
    """Reads what ``make_card`` wrote.

    Raises:
      BadInput: no such file, or no card.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        card = Card(
            str(found["name"]),
            bytes.fromhex(found["signing_key"]),
            found["node_key"].encode("ascii"),
        )
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is no card of a participant; `tithe keys` makes one") from error
    if len(card.signing_key) != 32 or not card.name:
        raise BadInput(f"{path} is no card of a participant; `tithe keys` makes one")
    return card
