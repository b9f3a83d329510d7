import os
import sys
import threading

import pytest

from nas import chatter


@pytest.fixture
def write_to_descriptors(monkeypatch):
    """A function for tests to call: pytest replaces Python's streams again after the fixtures."""

    def patch():
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            monkeypatch.setattr(sys, name, open(descriptor, "w", closefd=False))

    return patch


def captured(capfd):
    sys.stdout.flush()
    sys.stderr.flush()
    return capfd.readouterr()


def test_nothing_written_inside_is_seen(capfd, write_to_descriptors):
    write_to_descriptors()
    print("before")
    with chatter.silenced():
        print("python")
        print("python error", file=sys.stderr)
        os.write(1, b"descriptor\n")
        os.write(2, b"descriptor error\n")
    print("after")
    assert captured(capfd) == ("before\nafter\n", "")


def test_what_was_held_back_is_shown_when_the_body_fails(capfd, write_to_descriptors):
    write_to_descriptors()
    with pytest.raises(RuntimeError), chatter.silenced():
        os.write(1, b"clue one\n")
        print("clue two", file=sys.stderr)
        raise RuntimeError
    print("after")
    out, err = captured(capfd)
    assert out == "after\n"
    assert "clue one\n" in err and "clue two\n" in err


def test_an_interruption_shows_nothing_and_gives_the_terminal_back(capfd, write_to_descriptors):
    write_to_descriptors()
    with pytest.raises(KeyboardInterrupt), chatter.silenced():
        print("half a message", end="")
        raise KeyboardInterrupt
    print("after")
    assert captured(capfd) == ("after\n", "")


def test_nested_uses_stay_silent_to_the_end(capfd, write_to_descriptors):
    write_to_descriptors()
    with chatter.silenced():
        with chatter.silenced():
            print("inner")
        print("outer")
    print("after")
    assert captured(capfd) == ("after\n", "")


def test_overlapping_uses_of_two_threads_give_the_terminal_back(capfd, write_to_descriptors):
    write_to_descriptors()
    entered, leave = threading.Event(), threading.Event()

    def first():
        with chatter.silenced():
            entered.set()
            leave.wait(10)

    def second():
        entered.wait(10)
        # The first ends while this one is active or waits.
        leave.set()
        with chatter.silenced():
            threads[0].join(0.05)

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    os.write(1, b"after\n")
    assert captured(capfd) == ("after\n", "")
