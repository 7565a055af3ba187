"""The participant's loop: it fetches messages, has its site answer them, and sends the answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from tithe.federation.site import Site
from tithe.federation.transport import NodePost


def attend(
    post: NodePost,
    site: Site,
    *,
    should_stop: Callable[[], bool],
    pause_seconds: float = 0.05,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Answers messages one after another until ``should_stop`` says so.

    Raises:
      BadInput: the site's ledger or disk refused; the message stays without an answer, and the
        server asks again when the site is back.
    """
    while not should_stop():
        found = post.pull()
        if found is None:
            sleep(pause_seconds)
            continue
        message_id, body = found
        post.answer(message_id, site.handle(body))
