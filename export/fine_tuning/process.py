"""Fine-tunes a child in a separate process before it is written.

Quantization-aware training, pruning and clustering need a toolkit that works on an older Keras and
changes the process that imports it (`export.fine_tuning.twin`). This module starts that process,
sends it the job, follows its progress, and returns its result. Every fine-tuned network is compared
with the same network trained as long without a change, so that the difference is the cost of the
change.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing import connection, resource_tracker

from export.fine_tuning.jobs import Job, Outcome
from nas import chatter
from nas.progress import Track, untracked

_ENVIRONMENT = {
    # oneDNN's kernels round differently from process to process, but the same child must give the
    # same file, to the byte.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # tfmot switches to the older Keras. Set from the start, so that no module has the newer one.
    "TF_USE_LEGACY_KERAS": "1",
}
_LABELS = {
    None: "float, for comparison",
    "quantization": "quantization-aware training",
    "pruning": "pruning",
    "clustering": "clustering",
}


def run(job: Job, track: Track = untracked) -> Outcome:
    """Runs a job in a new process and waits for it.

    Args:
        job: the fine-tuning to run.
        track: called like tqdm.

    Raises:
        ValueError: the training diverged, or there are fewer images than a batch.
        ChildProcessError: the process ended without a message, for example for lack of memory.
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
            f"{_LABELS[job.kind]}: expected a result from its process, which ended with exit code "
            f"{process.exitcode}; check that there is enough memory"
        ) from error
    finally:
        # Also if the user interrupts, since the result is then not needed.
        process.terminate()
        process.join()
    return outcome[0]


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets variables for processes started inside; TensorFlow reads them when it is imported."""
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
    """Defers Ctrl-C; processes started inside never receive it.

    A terminal sends Ctrl-C to all its processes, and one that is importing TensorFlow would print a
    traceback. `run` terminates the process instead.
    """
    # The first process of a program starts this one too, and in Python 3.11 that ends the deferral.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _steps(channel: connection.Connection, outcome: list[Outcome]) -> Iterator[int]:
    """Yields the steps of the other process, and adds its result to `outcome`."""
    while True:
        message, content = channel.recv()
        if message == "failed":
            raise content
        if message == "done":
            outcome.append(content)
            return
        yield content


def _enter(channel: connection.Connection) -> None:
    """Runs in the new process; ends without a message if the process that started it is gone."""
    # That raises EOFError before the job has arrived, or a ConnectionError afterwards.
    with contextlib.suppress(EOFError, ConnectionError):
        job: Job = channel.recv()
        outcome: Outcome | ValueError | ConnectionError
        with chatter.silenced():
            # Imported only here, since it changes Keras for the whole process.
            from export.fine_tuning import twin

            try:
                outcome = twin.run(job, lambda step: channel.send(("step", step)))
            # If the error left `silenced`, all output held back would be printed.
            except (ValueError, ConnectionError) as error:
                outcome = error
        channel.send(("failed" if isinstance(outcome, Exception) else "done", outcome))
