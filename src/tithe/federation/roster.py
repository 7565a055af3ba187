"""The roster: whom the server knows, by keys that were handed over beforehand."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tithe.checks import BadInput
from tithe.record import write_atomically

_Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2}){1,1024}$")]


@dataclass(frozen=True)
class Pinned:
    """One participant: its number, a name for people, and its two public keys, raw bytes."""

    number: int
    name: str
    signing_key: bytes
    node_key: bytes


@dataclass(frozen=True)
class Roster:
    """All participants of a federation, by number; nobody else is ever pushed to.

    Raises:
      BadInput: two share a number, a name or a key.
    """

    participants: tuple[Pinned, ...]

    def __post_init__(self) -> None:
        for what in ("number", "name", "signing_key", "node_key"):
            values = [getattr(each, what) for each in self.participants]
            if len(set(values)) < len(values):
                raise BadInput(f"the roster names two participants with one {what}; each needs one")

    def with_one_more(self, participant: Pinned) -> Roster:
        """The roster with this participant enrolled."""
        return Roster((*self.participants, participant))

    def of(self, number: int) -> Pinned | None:
        """Who has this number; None if nobody has."""
        return next((each for each in self.participants if each.number == number), None)

    def connected(self, nodes: Mapping[int, bytes]) -> dict[int, int]:
        """Participant number to node id, for the nodes whose key is pinned; others are ignored."""
        by_key = {each.node_key: each.number for each in self.participants}
        return {by_key[key]: node for node, key in sorted(nodes.items()) if key in by_key}


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    number: Annotated[int, Field(ge=0, lt=2**32)]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    signing_key: _Hex32
    node_key: _Hex


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    participant: list[_Entry] = []


def read_roster(path: Path) -> Roster:
    """Reads ``[[participant]]`` blocks with number, name, signing_key and node_key in hex.

    Raises:
      BadInput: no such file, no TOML, or an entry that is wrong; it says which.
    """
    try:
        entries = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).participant
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {where} is wrong: {first['msg']}") from error
    return Roster(
        tuple(
            Pinned(each.number, each.name, *map(bytes.fromhex, (each.signing_key, each.node_key)))
            for each in entries
        )
    )


def write_roster(path: Path, roster: Roster) -> None:
    """Writes the roster for ``read_roster``, whole or not at all."""
    entries = [
        {
            "number": each.number,
            "name": each.name,
            "signing_key": each.signing_key.hex(),
            "node_key": each.node_key.hex(),
        }
        for each in roster.participants
    ]
    write_atomically(path, tomli_w.dumps({"participant": entries}).encode())
