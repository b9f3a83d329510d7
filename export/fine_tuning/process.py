"""Training a child a little further before it is written, in a process of its own.

Quantization-aware training, pruning and clustering belong to a toolkit that works on another Keras
and changes the process that imports it (`export.fine_tuning.twin`). This module says what is to be
done, starts that process, follows its progress, and hands back what came out. Beside every changed
network stands the same network trained as long without a change: what a change costs is the
difference.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection
from typing import Any

from export.fine_tuning.jobs import Job, Outcome
from nas import chatter

Track = Callable[[Iterable[Any], int, str], Iterable[Any]]

_ENVIRONMENT = {
    # oneDNN's kernels round differently from process to process, and the same child is to give the
    # same file, to the byte.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # tfmot switches to the older Keras; from the start, or half of the process has the newer one.
    "TF_USE_LEGACY_KERAS": "1",
}
_LABELS = {
    None: "float, for comparison",
    "quantization": "quantization-aware training",
    "pruning": "pruning",
    "clustering": "clustering",
}


def untracked(iterable: Iterable[Any], total: int, label: str) -> Iterable[Any]:
    """No progress is shown."""
    return iterable


def run(job: Job, track: Track = untracked) -> Outcome:
    """Does a job in a fresh process and waits for it.

    Args:
        job: what to do.
        track: called like tqdm.

    Raises:
        ValueError: the training diverged, or there are fewer images than a batch.
        ChildProcessError: the process ended without a word, as for want of memory.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_enter, args=(theirs,), daemon=True)
    with _environment(_ENVIRONMENT), _without_interrupts():
        process.start()
    theirs.close()
    outcome: list[Outcome] = []
    try:
        ours.send(job)
        for _ in track(_steps(ours, outcome), job.num_steps, _LABELS[job.kind]):
            pass
    except (EOFError, BrokenPipeError) as error:
        process.join()
        raise ChildProcessError(
            f"{_LABELS[job.kind]}: its process ended with exit code {process.exitcode}; "
            "was there enough memory?"
        ) from error
    finally:
        # Also when the user stops us: its work is of no use to anyone then.
        process.terminate()
        process.join()
    return outcome[0]


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets variables for processes that are started meanwhile; TensorFlow reads them on import."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Puts off Ctrl-C; processes that are started meanwhile never get it.

    It reaches every process of a terminal, and one that is importing TensorFlow would answer with
    a traceback. Who started it ends it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _steps(channel: connection.Connection, outcome: list[Outcome]) -> Iterator[int]:
    """Goes through the steps of the other process; what they end in is added to `outcome`."""
    while True:
        message, content = channel.recv()
        if message == "failed":
            raise content
        if message == "done":
            outcome.append(content)
            return
        yield content


def _enter(channel: connection.Connection) -> None:
    """What the fresh process does; it ends without a word when the one that started it is gone."""
    # EOFError before the job has arrived, BrokenPipeError or ConnectionResetError after.
    with contextlib.suppress(EOFError, ConnectionError):
        job: Job = channel.recv()
        outcome: Outcome | ValueError | ConnectionError
        with chatter.silenced():
            # Here and nowhere else: it changes Keras for the whole process.
            from export.fine_tuning import twin

            try:
                outcome = twin.run(job, lambda step: channel.send(("step", step)))
            # An error that left `silenced` would print all it held back.
            except (ValueError, ConnectionError) as error:
                outcome = error
        channel.send(("failed" if isinstance(outcome, Exception) else "done", outcome))
