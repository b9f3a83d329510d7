import signal
import threading

import pytest

from nas.training import interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_noted_and_the_second_acts_as_before(number):
    heard = []
    before = signal.signal(number, lambda *_: heard.append("handler"))
    try:
        with interruption.deferred() as request:
            assert not request.is_made
            signal.raise_signal(number)
            assert request.is_made and not heard
            signal.raise_signal(number)
            assert heard == ["handler"]
        signal.raise_signal(number)
        assert heard == ["handler"] * 2
    finally:
        signal.signal(number, before)


def test_in_another_thread_nothing_is_changed():
    found = []

    def work():
        with interruption.deferred() as request:
            found.append((request.is_made, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, signal.getsignal(signal.SIGINT))]


def test_a_hangup_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.deferred() as request:
            signal.raise_signal(signal.SIGHUP)
            assert not request.is_made
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
