"""Further training that is stopped: nothing is left running, and nobody sees a traceback."""

import contextlib
import os
import pathlib
import signal

import processes
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


class Training:
    """A process that trains further in another one.

    Attributes:
        started: the process, in a session of its own.
    """

    def __init__(self, data_dir):
        reading, writing = os.pipe()
        self._printed = os.fdopen(reading)
        with os.fdopen(writing, "w") as output:
            self.started = processes.start("endless_training", data_dir, output=output)

    def wait_for(self, text):
        lines = []
        while (line := self._printed.readline()) != f"{text}\n":
            assert line, lines
            lines.append(line)

    def rest(self):
        """What is printed until nobody holds stdout and stderr any more."""
        return self._printed.read().splitlines()

    def children(self):
        path = pathlib.Path(f"/proc/{self.started.pid}/task/{self.started.pid}/children")
        return path.read_text().split()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.started.pid, signal.SIGKILL)
        self.started.wait(60.0)
        self._printed.close()


@pytest.fixture(params=["started", "step"])
def training(request, fashion_data_dir):
    """A process that trains further in another one, which still imports or is at work."""
    made = Training(fashion_data_dir)
    try:
        made.wait_for(request.param)
        yield made
    finally:
        made.end()


def test_ctrl_c_never_reaches_further_training_and_ends_both_without_a_word(training):
    # The first process that a program starts too, whose helper processes are started with it.
    children = training.children()
    assert children
    for child in children:
        masks = dict(
            line.split(":\t")
            for line in pathlib.Path(f"/proc/{child}/status").read_text().splitlines()
        )
        deferred = int(masks["SigBlk"], 16) | int(masks["SigIgn"], 16)
        assert deferred & 1 << signal.SIGINT - 1, child
    # A terminal sends it to all.
    os.killpg(training.started.pid, signal.SIGINT)
    *steps, last = training.rest()
    assert last == "stopped" and set(steps) <= {"step"}


def test_training_ends_with_a_parent_that_was_killed(training):
    os.kill(training.started.pid, signal.SIGKILL)
    assert set(training.rest()) <= {"step"}
