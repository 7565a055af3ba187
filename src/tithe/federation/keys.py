"""The key with which a participant signs its uploads: made, kept for its owner alone, read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tithe.checks import BadInput
from tithe.federation.owned import require_owner_only, write_owner_only


def create_key(path: Path) -> Ed25519PrivateKey:
    """Draws a key from the operating system and writes it where no file is yet, mode 0600.

    Raises:
      BadInput: there is a file already, or none can be written.
    """
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_owner_only(path, content)
    return key


def read_key(path: Path) -> Ed25519PrivateKey:
    """Reads a key that only its owner can read.

    Raises:
      BadInput: it is not there, open to others, or no Ed25519 key.
    """
    require_owner_only(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path} is no private key that can be read; make one anew") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"{path} must be an Ed25519 key, got another kind; make one anew")
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The public half, 32 raw bytes, for the server's roster."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """SHA-256 of a public key in groups of four, short enough to compare over the telephone."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[start : start + 4] for start in range(0, 32, 4))
