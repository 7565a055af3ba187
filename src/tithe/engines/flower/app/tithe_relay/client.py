"""The participant's side of the app: bytes to the daemon's socket, and its answer back."""

import os
import socket
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from .letter import asked, body_of, content_of  # noqa: TID252 - Flower unpacks this package elsewhere

SOCKET = "TITHE_SOCKET"
"""The variable that names the daemon's socket, for the SuperNode to hand down."""

app = ClientApp()


@app.query()
def relay(message: Message, context: Context) -> Message:
    """Hands the message's parts on as they are; reads none of them and keeps nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(_socket_path(context)))
        answer = asked(line, body_of(message.content))
    return Message(content_of(answer), reply_to=message)


def _socket_path(context: Context) -> Path:
    named = context.node_config.get("tithe-socket") or os.environ.get(SOCKET)
    if not named:
        raise RuntimeError(
            f"no daemon is named: set {SOCKET}, or start the SuperNode with "
            "--node-config 'tithe-socket=\"/path/to/socket\"'"
        )
    return Path(str(named))
