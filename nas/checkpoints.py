"""What a run must keep to go on after it was killed.

A run is a `fit` whose data order is a function of seed and step. After every epoch its metrics
row and its variables are written; the same run started again takes the variables back, drops
metrics rows written after them, and goes on with the next epoch to the same result (to the bit
without oneDNN, see `nas/__init__.py`).

What is found may belong to another run: the folder's child was replaced, its latency model fitted
again. `checkpoints/run.json` says which run it was, and another one starts over.
"""

import json
import math
import pathlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas import files


def named_variables(owner: Any, prefix: str) -> dict[str, tf.Variable]:
    """Every variable of a Keras model or optimizer, by a name that is the same in every process.

    Args:
        owner: anything with `variables`, in a fixed order.
        prefix: of the names.
    """
    return {f"{prefix}_{i:04d}": v.value for i, v in enumerate(owner.variables)}


class RunState(keras.callbacks.Callback):
    """Metrics and checkpoints of one run, epoch by epoch.

    Args:
        directory: gets `metrics.jsonl` and `checkpoints/`.
        variables: everything the run changes, by name.
        identity: everything its result depends on, as JSON values by name. Checkpoints of a run
            with another identity are not gone on with.
        keep: number of checkpoints to keep.
        report: is told, in one line, why earlier work is dropped.
    """

    def __init__(
        self,
        directory: files.Path,
        variables: Mapping[str, tf.Variable],
        identity: Mapping[str, Any] | None = None,
        keep: int = 2,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Stores the arguments; nothing is read or written yet."""
        super().__init__()
        self._directory = pathlib.Path(directory)
        self._metrics = self._directory / "metrics.jsonl"
        self._checkpoints = self._directory / "checkpoints"
        self._identity = json.loads(json.dumps(identity or {}, allow_nan=False))
        self._report = report
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(epoch=self._epoch, **variables)
        self._keep = keep

    def restore(self, complete: Callable[[int], bool] = lambda epochs: True) -> int:
        """Takes the newest checkpoint back, if there is one of this run.

        Args:
            complete: whether other files, which the run writes too, hold so many epochs.

        Returns:
            Number of finished epochs.
        """
        newest = tf.train.latest_checkpoint(str(self._checkpoints))
        reason = self._reason_to_start_over(newest, complete) if newest else None
        if reason:
            self._report(f"{self._directory}: {reason}; starting over")
        if reason or not newest:
            if self._checkpoints.exists():
                shutil.rmtree(self._checkpoints)
            files.write_json(self._checkpoints / "run.json", self._identity)
        # It reads the folder when it is made.
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(self._checkpoints), max_to_keep=self._keep
        )
        if newest and not reason:
            self._checkpoint.restore(newest).assert_consumed()
        finished = int(self._epoch.numpy())
        self._write_rows(self.rows[:finished])
        return finished

    def _reason_to_start_over(self, newest: str, complete: Callable[[int], bool]) -> str | None:
        path = self._checkpoints / "run.json"
        if not path.exists():
            return f"{path.name} is missing, so its checkpoints may be of another run"
        found = files.read_json(path)
        changed = sorted(
            name
            for name in {*found, *self._identity}
            if found.get(name) != self._identity.get(name)
        )
        if changed:
            return f"its checkpoints are of a run with another {', '.join(changed)}"
        epochs = int(newest.rpartition("-")[2])
        if len(self.rows) < epochs or not complete(epochs):
            return "a file beside its checkpoints is missing"
        return None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The metrics so far, one row an epoch."""
        if not self._metrics.exists():
            return []
        return [json.loads(line) for line in self._metrics.read_text().splitlines()]

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the metrics row, then the checkpoint."""
        values = {name: round(float(np.asarray(v)), 6) for name, v in (logs or {}).items()}
        if not all(math.isfinite(value) for value in values.values()):
            raise ValueError(
                f"training diverged in epoch {epoch + 1}: expected finite metrics, received "
                f"{values}; lower the learning rate and start again in a new work dir "
                f"(the last good state is in {self._checkpoints})"
            )
        self._write_rows([*self.rows[:epoch], {"epoch": epoch + 1, **values}])
        self._epoch.assign(epoch + 1)
        self._manager.save(checkpoint_number=epoch + 1)

    def _write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        files.write_bytes(self._metrics, text.encode())
