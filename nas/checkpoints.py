"""What a run must keep to go on after it was killed.

A run is a `fit` whose data order is a function of seed and step. After every epoch its metrics
row and its variables are written; the same run started again takes the variables back, drops
metrics rows written after them, and goes on with the next epoch to the same result.
"""

import json
import math
import pathlib
from collections.abc import Iterable, Mapping
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
        keep: number of checkpoints to keep.
        describe: called after every epoch for further entries of the metrics row.
    """

    def __init__(
        self,
        directory: files.Path,
        variables: Mapping[str, tf.Variable],
        keep: int = 2,
        describe: Any = None,
    ) -> None:
        super().__init__()
        self._directory = pathlib.Path(directory)
        self._metrics = self._directory / "metrics.jsonl"
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(epoch=self._epoch, **variables)
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(self._directory / "checkpoints"), max_to_keep=keep
        )
        self._describe = describe or (lambda: {})

    def restore(self) -> int:
        """Takes the newest checkpoint back, if there is one.

        Returns:
            Number of finished epochs.
        """
        newest = self._manager.latest_checkpoint
        if newest:
            self._manager.checkpoint.restore(newest).assert_consumed()
        finished = int(self._epoch.numpy())
        self._write_rows(self.rows[:finished])
        return finished

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
                f"(the last good state is in {self._manager.directory})"
            )
        self._write_rows([*self.rows[:epoch], {"epoch": epoch + 1, **values, **self._describe()}])
        self._epoch.assign(epoch + 1)
        self._manager.save(checkpoint_number=epoch + 1)

    def _write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        files.write_bytes(self._metrics, text.encode())
