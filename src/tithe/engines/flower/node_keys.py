"""The key by which a SuperLink knows a node: made, kept for its owner alone, read."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from tithe.checks import BadInput
from tithe.federation.owned import require_owner_only, write_owner_only

NodeKey = ec.EllipticCurvePrivateKey


def create_node_key(path: Path) -> NodeKey:
    """Draws a key on NIST P-384 and writes it where no file is yet, mode 0600.

    The file is in OpenSSH's format, so that a stock ``flower-supernode`` reads it too.

    Raises:
      BadInput: there is a file already, or none can be written.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    content = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    write_owner_only(path, content)
    return key


def read_node_key(path: Path) -> NodeKey:
    """Reads a key that only its owner can read.

    Raises:
      BadInput: it is not there, open to others, or no such key.
    """
    require_owner_only(path)
    try:
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput(f"{path} is no node key that can be read; make one anew") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadInput(f"{path} must be a key on a NIST curve, got another kind; make one anew")
    return key


def node_public_bytes(key: NodeKey) -> bytes:
    """The public half as a SuperLink registers it: PEM, for the server's roster."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
