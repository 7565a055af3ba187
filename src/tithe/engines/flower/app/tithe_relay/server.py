"""The server's side of the app: what `tithe serve` wants sent, and what was answered to it."""

import json
import socket
import time
from collections.abc import Iterable

from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from .letter import asked, body_of, content_of  # noqa: TID252 - Flower unpacks this package elsewhere

app = ServerApp()

_PAUSE_SECONDS = 0.1
_TRIES_SECONDS = 2.0


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Relays until the training is over; waits for the server wherever it is gone."""
    path = str(context.run_config.get("server-socket", ""))
    if not path:
        raise RuntimeError(
            "no server is named: start one with `tithe serve PLAN --dir DIR --relay SOCKET`, and "
            "this run with -c 'server-socket=\"SOCKET\"' and the same absolute path"
        )
    while True:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.connect(path)
                if _relay(grid, line):
                    return
        except OSError:
            time.sleep(_TRIES_SECONDS)


def _relay(grid: Grid, line: socket.socket) -> bool:
    """Exchanges over one connection until it breaks, or the training is over."""
    pushed: dict[str, str] = {}  # Flower's id of a message -> the server's
    lost: list[str] = []
    while True:
        nodes = {str(node.node_id): node.public_key.hex() for node in grid.get_nodes()}
        replies: list[list[object]] = [[number, None] for number in lost]
        bodies = []
        for reply in grid.pull_messages(list(pushed)) if pushed else ():
            number = pushed.pop(reply.metadata.reply_to_message_id)
            body = None if reply.has_error() else body_of(reply.content)
            replies.append([number, None if body is None else len(body)])
            bodies.append(body or b"")
        head = json.dumps({"nodes": nodes, "replies": replies}).encode()
        order, _, rest = asked(line, head + b"\0" + b"".join(bodies)).partition(b"\0")
        wanted = json.loads(order)
        if wanted["is_over"]:
            return True
        lost = _push(grid, wanted["send"], rest, pushed)
        if not (wanted["send"] or replies):
            time.sleep(_PAUSE_SECONDS)


def _push(
    grid: Grid, wanted: Iterable[tuple[str, int, int]], bodies: bytes, pushed: dict[str, str]
) -> list[str]:
    """Pushes what is wanted, and gives the numbers of what the SuperLink did not take."""
    start, lost = 0, []
    for number, node, size in wanted:
        body = bodies[start : start + size]
        start += size
        message = Message(content_of(body), dst_node_id=node, message_type="query")
        taken = [each for each in grid.push_messages([message]) if each]
        if taken:
            pushed[taken[0]] = number
        else:
            lost.append(number)
    return lost
