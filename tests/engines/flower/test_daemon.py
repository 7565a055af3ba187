"""The participant's loop: every message is answered once, and a failure sends nothing."""

from __future__ import annotations

import threading

import pytest

from tithe.checks import BadInput
from tithe.engines.flower.daemon import attend
from tithe.engines.flower.patience import Pace


class Box:
    """A post with these messages; ``is_over`` is set when they are used up."""

    def __init__(self, *bodies):
        self.left = [(str(place), body) for place, body in enumerate(bodies)]
        self.answers = {}
        self.is_over = threading.Event()

    def pull(self):
        if not self.left:
            self.is_over.set()
            return None
        return self.left.pop(0)

    def answer(self, message_id, body):
        assert message_id not in self.answers
        self.answers[message_id] = body


def test_every_message_is_answered_in_turn_until_the_end():
    box, written = Box(b"ab", b"cd"), []
    attend(
        box,
        lambda body: body[::-1],
        is_over=box.is_over,
        after_each=lambda: written.append(len(box.answers)),
        pace=Pace(shortest=0.0, longest=0.0),
    )
    assert box.answers == {"0": b"ba", "1": b"dc"}
    assert written == [0, 1, 2]


def test_what_a_site_cannot_answer_ends_the_loop_and_sends_nothing():
    def fail(body):
        raise BadInput("the disk is full")

    box = Box(b"question", b"another")
    with pytest.raises(BadInput, match="disk is full"):
        attend(box, fail, is_over=box.is_over)
    assert box.answers == {}
    assert box.left


def test_nothing_is_pulled_once_the_end_was_asked_for():
    box = Box(b"question")
    box.is_over.set()
    attend(box, lambda body: body, is_over=box.is_over)
    assert box.left


def test_whoever_has_left_takes_no_further_turn():
    box, has_left = Box(b"ab", b"cd"), []
    attend(
        box,
        lambda body: has_left.append(True) or body,  # consent is withdrawn during the first turn
        is_over=box.is_over,
        has_left=lambda: bool(has_left),
        pace=Pace(shortest=0.0, longest=0.0),
    )
    assert box.answers == {"0": b"ab"}
    assert not box.is_over.is_set()
