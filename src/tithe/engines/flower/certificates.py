"""Certificates of our own authority, for the one server of a federation."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tithe.checks import BadInput
from tithe.federation.owned import owned_folder, require_owner_only, write_owner_only
from tithe.record import write_atomically

_LOCAL = ("localhost", "127.0.0.1")  # by these the server process finds its own SuperLink
_AUTHORITY_DAYS = 3650
_EARLY = timedelta(hours=1)  # so that a clock that is a little behind accepts a new certificate


@dataclass(frozen=True)
class Certificates:
    """The four files of a folder.

    Attributes:
      authority: the certificate that every participant is given; no secret.
      authority_key: signs new server certificates; nobody but the owner needs it.
      server, server_key: what the SuperLink shows.
    """

    authority: Path
    authority_key: Path
    server: Path
    server_key: Path

    @classmethod
    def of(cls, folder: Path) -> Certificates:
        """Where the files of this folder are, whether they exist or not."""
        return cls(*(folder / n for n in ("ca.crt", "ca.key", "server.crt", "server.key")))


def make_certificates(folder: Path, *, hosts: Sequence[str], days: int = 365) -> Certificates:
    """Makes an authority where there is none, and a new server certificate under it.

    Called again it renews the server's certificate; participants keep the authority they have.

    Args:
      folder: for its owner alone; made if need be.
      hosts: names and addresses by which participants will call the server; this machine's own
        are added.
      days: until the server's certificate expires, from today.
    Raises:
      BadInput: a host that is none, days out of range, or a folder that cannot hold them.
    """
    if not 1 <= days <= 825:
        raise BadInput(f"days must be in 1 to 825, got {days}; many programs refuse longer ones")
    names = [_general_name(host) for host in dict.fromkeys([*hosts, *_LOCAL])]
    files = Certificates.of(owned_folder(folder))
    if not files.authority_key.exists():
        _make_authority(files)
    authority, authority_key = _read_authority(files)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _draft(subject=_name("server"), issuer=authority.subject, key=key.public_key(), days=days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_issued_by(authority_key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    files.server_key.unlink(missing_ok=True)
    write_owner_only(files.server_key, _private(key))
    write_atomically(files.server, certificate.public_bytes(Encoding.PEM))
    files.server.chmod(0o600)
    return files


def require_current(files: Certificates, *, now: datetime | None = None) -> timedelta:
    """How long the server's certificate holds yet.

    Args:
      files: made by ``make_certificates``.
      now: with a zone; the time of asking if None.
    Raises:
      BadInput: a file is missing, open to others, or the certificate has expired.
    """
    for path in (files.authority_key, files.server_key):
        if path.exists():
            require_owner_only(path)
    try:
        certificate = x509.load_pem_x509_certificate(files.server.read_bytes())
    except FileNotFoundError as error:
        raise BadInput(
            f"{files.server} is not there; make it with tithe keys DIR --host NAME"
        ) from error
    except OSError as error:
        raise BadInput(f"{files.server} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{files.server} holds no certificate in PEM form") from error
    left = certificate.not_valid_after_utc - (now or datetime.now(UTC))
    if left <= timedelta(0):
        raise BadInput(
            f"{files.server} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; make a new one "
            "with tithe keys DIR --host NAME, and participants need change nothing"
        )
    return left


def _make_authority(files: Certificates) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name("authority")
    certificate = (
        _draft(subject=name, issuer=name, key=key.public_key(), days=_AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_MAY_SIGN_CERTIFICATES, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    write_atomically(files.authority, certificate.public_bytes(Encoding.PEM))
    files.authority.chmod(0o600)
    write_owner_only(files.authority_key, _private(key))


def _read_authority(files: Certificates) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    require_owner_only(files.authority_key)
    try:
        certificate = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = load_pem_private_key(files.authority_key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{files.authority} and {files.authority_key} are no authority that can be read"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadInput(f"{files.authority_key} must be an elliptic-curve key, got another kind")
    if key.public_key() != certificate.public_key():
        raise BadInput(f"{files.authority} and {files.authority_key} do not belong together")
    return certificate, key


def _draft(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(role: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tithe federation {role}")])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        if not host or any(letter.isspace() or letter in "/:@" for letter in host):
            raise ValueError
        return x509.DNSName(host)
    except ValueError as error:
        raise BadInput(f"{host!r} is no host name or address for a certificate") from error


def _issued_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


_MAY_SIGN_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
