"""Signals become a request, then a KeyboardInterrupt."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tithe.cli.interrupts import Interrupts


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_of_a_run_is_a_request_and_the_second_an_interrupt(number):
    said = []
    with Interrupts(lambda: said.append("stopping")) as interrupts:
        interrupts.under_way()
        send(number)
        assert interrupts.is_requested()
        assert said == ["stopping"]
        with pytest.raises(KeyboardInterrupt):
            send(number)
        assert signal.getsignal(number) is signal.SIG_DFL


def test_before_a_run_is_under_way_the_first_signal_interrupts():
    with Interrupts(lambda: None) as interrupts:
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        assert not interrupts.is_requested()


def test_the_handlers_that_were_there_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts(lambda: None):
        assert signal.getsignal(signal.SIGINT) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_another_thread_leaves_the_handlers_alone():
    before, inside = signal.getsignal(signal.SIGINT), []

    def enter():
        with Interrupts(lambda: None):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [before]
