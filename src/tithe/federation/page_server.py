"""The status page over HTTP: for browsers on this machine, to be read and nothing else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tithe.checks import BadInput

HOST = "127.0.0.1"
"""Where it listens, always."""

_MOST_READERS = 16
_SECONDS = 10.0  # for one request
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@contextlib.contextmanager
def served(
    make: Callable[[str], tuple[str, bytes] | None], *, port: int, is_strict: bool = True
) -> Iterator[str]:
    """Answers GET on loopback inside the block; gives the page's address.

    Guarantee: other machines reach nothing; a page of another site that a browser here shows reads
    nothing, by whatever name it calls this machine, since a foreign Host is refused; no request
    changes anything. Other users of this machine can read it.

    Args:
      make: gives content type and body of a path such as ``/``; None where there is nothing.
      port: on loopback; 0 takes any that is free.
      is_strict: whether a port that is taken is an error; if not, another one is taken.
    Raises:
      BadInput: the port cannot be had.
    """
    server = _listening(make, port, is_strict=is_strict)
    thread = threading.Thread(target=server.serve_forever, daemon=True, name="page")
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, make: Callable[[str], tuple[str, bytes] | None]) -> None:
        self.make = make
        self._readers = threading.BoundedSemaphore(_MOST_READERS)
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hangs up on more readers than there may be at once."""
        if self._readers.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Lets the next reader in when this one is done."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._readers.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that went away in the middle is nobody's concern."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS
    server_version = "tithe"
    sys_version = ""

    def do_GET(self) -> None:
        if self.headers.get_all("Host") not in self._own_names():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", b"not this host\n")
            return
        found = self.server.make(self.path)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"nothing here\n")
        else:
            self._answer(HTTPStatus.OK, *found)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Every refusal in the same few headers; a method that is not GET is not allowed."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._answer(HTTPStatus(code), "text/plain", b"refused\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody's reading is written down."""

    def _own_names(self) -> list[list[str]]:
        port = self.server.server_port
        return [[f"{name}:{port}"] for name in (HOST, "localhost")]

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        cached = "max-age=3600" if self.path == "/plotly.js" else "no-store"
        self.send_header("Cache-Control", cached)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _listening(
    make: Callable[[str], tuple[str, bytes] | None], port: int, *, is_strict: bool
) -> _Server:
    try:
        return _Server(port, make)
    except OSError as error:
        if not is_strict:
            return _Server(0, make)
        raise BadInput(
            f"port {port} of {HOST} cannot be had for the status page: {error.strerror}; choose "
            "another, or --no-page"
        ) from error
