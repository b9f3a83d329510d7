"""Training a child a little further before it is written, in a process of its own.

Quantization-aware training, pruning and clustering belong to a toolkit that works on another Keras
and changes the process that imports it (`export.twin`). This module says what is to be done, starts
that process, follows its progress, and hands back what came out. Beside every changed network
stands the same network trained as long without a change: what a change costs is the difference.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection
from typing import Any

import numpy as np

from export.recipes import FineTuning
from nas import chatter, data
from nas.specs import Child
from nas.split import Split

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


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a network is trained further.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step.
        learning_rate: at the first step, falling to zero along a cosine; clustering takes a fifth.
        seed: of the order of the images and of all that is random.
        sparsity: share of all kernels' weights that become zero, as `export.sparsity` divides it
            among them.
        clusters: distinct weights in each kernel.

    Depthwise kernels, a few per cent of all weights, are neither pruned nor clustered.
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 0.05
    seed: int = 0
    sparsity: float = 0.5
    clusters: int = 32

    def __post_init__(self) -> None:
        """Refuses settings that cannot be."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")

    def to_dict(self, kind: FineTuning | None) -> dict[str, Any]:
        """The settings that a kind of change looks at, as JSON values."""
        foreign = {"pruning": {"clusters"}, "clustering": {"sparsity"}}
        left_out = foreign.get(kind or "", {"clusters", "sparsity"})
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in left_out}


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """What a process is asked to do.

    Attributes:
        kind: of change; None to train further and change nothing.
        child: the network.
        weights: arrays of each layer by its name, as Keras 3 orders them.
        training: what to train on.
        test_images: float32 images to compute logits of.
        settings: of the training.
    """

    kind: FineTuning | None
    child: Child
    weights: dict[str, list[np.ndarray]]
    training: Split
    test_images: np.ndarray
    settings: Settings

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        steps = data.steps_per_epoch(self.training, self.settings.batch_size)
        return self.settings.epochs * steps


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedWeights:
    """What comes out where ordinary layers are left.

    Attributes:
        by_layer: arrays of each layer by its name, as Keras 3 orders them.
    """

    by_layer: dict[str, list[np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedFile:
    """What comes out of quantization-aware training, whose layers no other Keras knows.

    Attributes:
        content: the `.tflite` file, as the converter made it.
        logits: of the network it was made from, on the test images.
    """

    content: bytes
    logits: np.ndarray


Outcome = TrainedWeights | QuantizedFile


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
            from export import twin

            try:
                outcome = twin.run(job, lambda step: channel.send(("step", step)))
            # An error that left `silenced` would print all it held back.
            except (ValueError, ConnectionError) as error:
                outcome = error
        channel.send(("failed" if isinstance(outcome, Exception) else "done", outcome))


def is_shared(array: np.ndarray) -> bool:
    """Whether it is a kernel that all channels share; a depthwise one has a filter a channel."""
    return array.ndim > 1 and array.shape[-1] > 1


def figures(kind: FineTuning, weights: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """What a change amounts to, counted in the kernels of a network.

    Args:
        kind: of change.
        weights: arrays of each layer by its name.

    Returns:
        For pruning the share of zeros among all kernels' weights; for clustering the most distinct
        weights in a kernel that is not depthwise; for quantization nothing.
    """
    kernels = [array for arrays in weights.values() for array in arrays if array.ndim > 1]
    if kind == "pruning":
        zeros = sum(np.count_nonzero(kernel == 0) for kernel in kernels)
        return {"zero_weights": zeros / sum(kernel.size for kernel in kernels)}
    if kind == "clustering":
        clustered = [kernel for kernel in kernels if is_shared(kernel)]
        return {"distinct_weights_in_a_kernel": max(len(np.unique(k)) for k in clustered)}
    return {}
