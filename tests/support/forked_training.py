"""Further training in forks of one process that has imported the older Keras and its toolkit.

`export.fine_tuning.process` starts a new Python process for every training, which imports both anew
and takes eight seconds of CPU for it. Tests that are not about that start use `forked`.
"""

import contextlib
import multiprocessing
import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

from export.fine_tuning import process

# What a process imports before it trains; no import runs an operation of TensorFlow, whose threads
# a fork would lack.
PRELOADED = ["export.fine_tuning.twin", "export.fine_tuning.process"]


def _forking(method: str) -> Any:
    assert method == "spawn"
    multiprocessing.set_forkserver_preload(PRELOADED)
    return multiprocessing.get_context("forkserver")


@contextlib.contextmanager
def forked() -> Iterator[None]:
    """A context in which `process.run` forks; the first one in a program starts the server."""
    with mock.patch.object(process, "multiprocessing", types.SimpleNamespace(get_context=_forking)):
        yield
