"""A letter: how opaque bytes become one message of Flower's, and bytes again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.inflatable.inflatable_object import get_object_tree, iterate_object_tree
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents

MESSAGE_TYPE = "query"
"""The kind of every message; a ClientApp that relays letters answers to it."""

PART_BYTES = 4 * 2**20
"""The longest part. A broken connection costs one part, and a proxy may refuse what is larger."""

MOST_PARTS = 256
"""One gigabyte in all; whoever announces more is not read."""

_SALT_BYTES = 16


class MalformedLetter(ValueError):
    """A message that no ``content_of`` made."""


def content_of(body: bytes) -> RecordDict:
    """The bytes as a message's content: one record a part.

    Each part is salted, so that two messages with equal bytes share no object: Flower names
    objects by their hash, and deleting one message would otherwise leave its bytes with the other.

    Args:
      body: at most ``PART_BYTES * MOST_PARTS`` bytes; may be empty.
    Raises:
      ValueError: it is longer.
    """
    parts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)] or [b""]
    if len(parts) > MOST_PARTS:
        raise ValueError(
            f"body must have at most {PART_BYTES * MOST_PARTS:,} bytes, got {len(body):,}"
        )
    return RecordDict(
        {
            f"{place:04d}": ConfigRecord({"salt": secrets.token_bytes(_SALT_BYTES), "part": part})
            for place, part in enumerate(parts)
        }
    )


def body_of(content: RecordDict) -> bytes:
    """The bytes again.

    Raises:
      MalformedLetter: another shape of content.
    """
    names = [f"{place:04d}" for place in range(len(content))]
    if not names or len(names) > MOST_PARTS or sorted(content) != names:
        raise MalformedLetter(f"a letter has parts 0000, 0001, ..., got {len(names)} others")
    return b"".join(_part(content[name]) for name in names)


def _part(record: object) -> bytes:
    if not isinstance(record, ConfigRecord) or set(record) != {"salt", "part"}:
        raise MalformedLetter("a part of a letter has a salt and its bytes, got another record")
    part, salt = record["part"], record["salt"]
    if not isinstance(part, bytes) or not isinstance(salt, bytes) or len(part) > PART_BYTES:
        raise MalformedLetter(f"a part of a letter has at most {PART_BYTES} bytes, got another")
    return part


def sealed(message: Message) -> tuple[Message, ObjectTree]:
    """The message under its final id, with the tree of objects that Flower will ask for.

    Nothing may change in it afterwards: the id is a hash of all that it holds.
    """
    message.metadata.__dict__["_message_id"] = message.object_id
    return message, get_object_tree(message)


def objects_in(tree: ObjectTree) -> list[str]:
    """Ids of the objects that make up a message, the message's own last.

    Raises:
      MalformedLetter: more than the longest letter has.
    """
    ids = [each.object_id for each in iterate_object_tree(tree)]
    if len(ids) > MOST_PARTS + 2:
        raise MalformedLetter(f"a letter has at most {MOST_PARTS + 2} objects, got {len(ids)}")
    return ids


def opened(message_id: str, contents: dict[str, bytes], *, order: Sequence[str]) -> bytes:
    """The bytes of the message whose objects these are.

    Args:
      message_id: the message's own object.
      contents: object id to content; it is emptied on the way.
      order: what ``objects_in`` said, so that nothing else is looked at.
    Raises:
      MalformedLetter: they are not the objects of a letter.
    """
    try:
        message = inflate_object_from_contents(
            message_id, {each: contents.pop(each) for each in order if each in contents}
        )
    except Exception as error:
        raise MalformedLetter("a letter's objects must fit together") from error
    if not isinstance(message, Message) or not message.has_content():
        raise MalformedLetter("a letter is a message with content, got another object")
    return body_of(message.content)
