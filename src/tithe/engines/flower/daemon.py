"""The participant's loop: it fetches messages, has them answered, and sends the answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tithe.engines.flower.patience import Pace
from tithe.federation.transport import NodePost


def attend(
    post: NodePost,
    answer: Callable[[bytes], bytes],
    *,
    is_over: threading.Event,
    after_each: Callable[[], None] = lambda: None,
    has_left: Callable[[], bool] = lambda: False,
    pace: Pace | None = None,
) -> None:
    """Answers one message after another until it is told to stop.

    A message under way is finished first. What ``answer`` raises ends the loop, and no answer to
    that message leaves.

    Args:
      post: where messages come from.
      answer: the answer to one, for instance a ``Site``'s.
      is_over: set by whoever wants the loop to end.
      after_each: called when an answer has left, and once at the beginning.
      has_left: asked before every look; the loop ends once the participant has left the run.
      pace: of the looks for messages.
    """
    pace = pace or Pace()
    after_each()
    while not (is_over.is_set() or has_left()):
        begun = time.monotonic()
        found = post.pull()
        if found is None:
            pace.looked(time.monotonic() - begun)
            is_over.wait(pace.seconds)
            continue
        message_id, body = found
        post.answer(message_id, answer(body))
        pace.worked()
        after_each()
