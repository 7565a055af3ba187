"""Calls to a SuperLink: over TLS or to this machine alone, and what a failure means."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from tithe.checks import BadInput

_GATEWAY = frozenset({502, 503, 504})
_MOST_AHEAD_SECONDS = 5.0  # Flower refuses a signature over a time that is so far to come ...
_MOST_BEHIND_SECONDS = 300.0  # ... or past
_OUT_OF_DATE = frozenset({9, 10})  # OpenSSL's numbers: not yet valid, and expired
_OTHER_NAME = frozenset({62, 64})  # of a host, of an address


class Unreachable(Exception):
    """Nobody answers now; the same call may succeed later."""


class Refused(Exception):
    """The SuperLink answered, and said no.

    Attributes:
      status: of HTTP; 401 for who is not known, 403 for a run that is over.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Address:
    """Where a SuperLink listens, and how to be sure that it is the right one.

    Attributes:
      host, port: of the SuperLink or of the proxy before it.
      authority: the file with the certificate that its own must descend from; None: the public
        authorities that come with Python's httpx.
      is_plaintext: speak without TLS; to this machine alone.
    Raises:
      BadInput: plaintext to another machine, a port out of range, or a bad authority file.
    """

    host: str
    port: int
    authority: Path | None = None
    is_plaintext: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise BadInput(f"the port must be in 1 to 65535, got {self.port}")
        if self.is_plaintext and not is_loopback(self.host):
            raise BadInput(
                f"{self.host} is another machine and gets nothing in plaintext, for Flower signs "
                "the time of a message and not the message; use https and a certificate"
            )
        if self.authority is not None and not self.is_plaintext:
            _require_certificate(self.authority)

    @property
    def text(self) -> str:
        """``host:port``, with brackets around an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def root_certificates(self) -> bytes | None:
        """What Flower's clients take for ``authority``."""
        return None if self.is_plaintext or self.authority is None else self.authority.read_bytes()


def address_of(url: str, *, authority: Path | None = None) -> Address:
    """The address that ``https://host:port`` or ``http://localhost:port`` names.

    Raises:
      BadInput: it is neither.
    """
    try:
        parsed = httpx.URL(url)
        host, port, scheme = parsed.host, parsed.port, parsed.scheme
    except httpx.InvalidURL as error:
        raise BadInput(f"{url} is no address; write https://HOST:PORT") from error
    if scheme not in {"https", "http"} or not host or parsed.path not in {"", "/"}:
        raise BadInput(f"{url} is no address of a federation; write https://HOST:PORT")
    if port is None:
        port = 443 if scheme == "https" else 80
    return Address(host, port, authority, is_plaintext=scheme == "http")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name or number alone and not by asking for it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def told_apart(address: Address) -> Iterator[None]:
    """Turns what httpx raises inside into ``Unreachable``, ``Refused`` or one clear sentence.

    Raises:
      Unreachable: connection refused, broken or timed out, a proxy without its SuperLink, or a
        certificate that is out of date, which who runs the server will renew.
      Refused: any other answer that is an error.
      BadInput: no certificate of its kind will ever do, or the clocks are too far apart.
    """
    try:
        yield
    except httpx.TransportError as error:
        found = _about_certificate(error)
        if found is not None:
            raise _certificate_trouble(address, found) from error
        raise Unreachable(f"{address.text} does not answer ({type(error).__name__})") from error
    except httpx.HTTPStatusError as error:
        response = error.response
        if response.status_code in _GATEWAY:
            raise Unreachable(f"{address.text} has no SuperLink behind it now") from error
        if response.status_code == 401:
            _require_same_time(response)
        raise Refused(
            response.status_code, f"{address.text} refused with status {response.status_code}"
        ) from error


def _about_certificate(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """What TLS had against the server's certificate; None if something else went wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _certificate_trouble(
    address: Address, found: ssl.SSLCertVerificationError
) -> BadInput | Unreachable:
    if found.verify_code in _OUT_OF_DATE:
        return Unreachable(
            f"{address.text} shows a certificate that is out of date ({found.verify_message}): who "
            "runs the server has to renew it, or this machine's clock is wrong"
        )
    if found.verify_code in _OTHER_NAME:
        return BadInput(
            f"{address.text} shows a certificate for other names than {address.host}; call it by "
            "one of those, or have who runs the server make a new one with --host "
            f"{address.host}"
        )
    return BadInput(
        f"{address.text} shows no certificate that {address.authority or 'the public list'} "
        f"vouches for ({found.verify_message}); get the authority's file, ca.crt, from who runs "
        "the server"
    )


def _require_same_time(response: httpx.Response) -> None:
    """Says so if a refusal comes from clocks that are too far apart.

    Raises:
      BadInput: they are.
    """
    try:
        theirs = parsedate_to_datetime(response.headers["date"])
        ahead = (datetime.now(UTC) - theirs).total_seconds()  # as much as the way back takes
        way = response.elapsed.total_seconds()
    except (KeyError, ValueError, TypeError, RuntimeError):
        return
    if ahead - way >= _MOST_AHEAD_SECONDS:
        how_far = f"{ahead:.0f} s ahead of"
    elif -ahead > _MOST_BEHIND_SECONDS:
        how_far = f"{-ahead:.0f} s behind"
    else:
        return
    raise BadInput(
        f"this machine's clock is {how_far} the server's, and a signature holds from "
        f"{_MOST_AHEAD_SECONDS:.0f} s before to {_MOST_BEHIND_SECONDS:.0f} s after its time; set "
        "the clock, and have it kept right (NTP)"
    )


def _require_certificate(path: Path) -> None:
    try:
        ssl.create_default_context(cadata=path.read_text(encoding="ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise BadInput(f"{path} holds no certificate in PEM form") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read as a certificate: {error.strerror}") from error
