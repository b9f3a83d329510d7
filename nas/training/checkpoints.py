"""Checkpoints and metrics of one run, so that it resumes after being killed.

A run is a `fit` whose data order is a function of seed and step (`nas/training/resumable_fit.py`).
After every epoch its metrics row and a checkpoint of its variables are written. Further checkpoints
are written every few minutes within an epoch, and on a request to stop. The same run started again
restores the newest checkpoint, drops later metrics rows, and continues with the next step to the
same result (to the bit without oneDNN, see `nas/__init__.py`). Damaged checkpoints are set aside
(`nas/training/checkpoint_files.py`).

The checkpoints in a folder may belong to another run, for example if its child was replaced or its
latency model fitted again. `checkpoints/run.json` identifies their run
(`nas/training/run_identity.py`); a different run starts over, and one that extends it goes on. If
it cannot be read, or a file beside the checkpoints lacks their epochs, the run stops.
"""

import json
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas import files, reading
from nas.distribution.hosts import Distribution
from nas.training import interruption, metrics_file, run_identity
from nas.training.checkpoint_files import CheckpointFiles
from nas.training.diverging import Diverging

# Reading a metric waits for the device, so metrics are checked only once in this many steps.
_STEPS_BETWEEN_CHECKS = 100


def named_variables(owner: Any, prefix: str) -> dict[str, tf.Variable]:
    """Returns the variables of a Keras model or optimizer by names that are equal in all processes.

    Args:
        owner: an object with an attribute `variables` in a fixed order.
        prefix: prefix of the names.
    """
    return {f"{prefix}_{i:04d}": v.value for i, v in enumerate(owner.variables)}


def newest_checkpoint(directory: files.Path, identity: Mapping[str, Any]) -> tuple[int, str | None]:
    """Finds the checkpoint that a run would resume from, without changing any file.

    Args:
        directory: folder of the run.
        identity: as for `RunState`.

    Returns:
        The step of the newest undamaged checkpoint, 0 if there is none; and the reason why the run
        would not resume from it, None if it would.

    Raises:
        ValueError: a checkpoint or `run.json` cannot be read.
    """
    checkpoints = CheckpointFiles(pathlib.Path(directory) / "checkpoints")
    found, _ = checkpoints.newest_whole()
    if found is None:
        return 0, None
    return found, run_identity.reason_of_another(checkpoints.folder, files.as_json(identity))


class RunState(keras.callbacks.Callback):
    """Metrics and checkpoints of one run.

    Args:
        directory: folder for `metrics.jsonl` and `checkpoints/`.
        variables: all variables that the run changes, by name.
        identity: everything the run's result depends on, as JSON values by name. Checkpoints of a
            run with another identity are not resumed.
        steps_per_epoch: steps per epoch.
        metrics: metrics that average over an epoch; saved so that an epoch can be resumed.
        keep: number of checkpoints to keep.
        seconds_between: seconds after which a checkpoint is written within an epoch.
        report: receives a line if earlier work is dropped, with the reason.
        distribution: the devices and hosts of the run. With several hosts only the chief reads and
            writes files, and checkpoints are written only after whole epochs.
        diverging: says when the run diverges; by default when a metric is not finite.

    Attributes:
        request: the request to stop, which `resumable_fit` connects with Ctrl-C.
    """

    def __init__(
        self,
        directory: files.Path,
        variables: Mapping[str, tf.Variable],
        identity: Mapping[str, Any] | None = None,
        steps_per_epoch: int = 1,
        metrics: Sequence[keras.metrics.Metric] = (),
        keep: int = 3,
        seconds_between: float = 600.0,
        report: Callable[[str], None] = lambda line: None,
        distribution: Distribution | None = None,
        diverging: Diverging | None = None,
    ) -> None:
        """Stores the arguments; nothing is read or written yet."""
        super().__init__()
        self._directory = pathlib.Path(directory)
        self._metrics_path = self._directory / "metrics.jsonl"
        self._checkpoints = CheckpointFiles(self._directory / "checkpoints")
        self._identity = files.as_json(identity or {})
        self._steps_per_epoch = steps_per_epoch
        self._keep = keep
        self._seconds_between = seconds_between
        self._report = report
        self._distribution = distribution or Distribution()
        self._diverging = diverging or Diverging()
        self.request = interruption.Request()
        self._averages = [v.value for metric in metrics for v in metric.variables]
        self._resumed_averages: list[np.ndarray] = []
        self._first = 0
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Copies, since with several hosts one host alone cannot read the variables of metrics.
        kept = [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in self._averages]
        self._kept_averages = kept
        averages = {f"metric_{i:04d}": v for i, v in enumerate(kept)}
        self._variables = {**averages, **variables}
        self._checkpoint = tf.train.Checkpoint(step=self._step, **self._variables)
        self._last_save = time.monotonic()

    def restore(self, complete: Callable[[int], bool] = lambda epochs: True) -> int:
        """Restores the newest undamaged checkpoint of this run, if there is one.

        All hosts call it together; the others receive the chief's values.

        Args:
            complete: given a number of epochs, returns whether the run's other files (such as
                `alphas.npz`) cover them.

        Returns:
            Number of finished steps.

        Raises:
            ValueError: a file of the run cannot be read, or covers fewer epochs than the newest
                checkpoint. Nothing is deleted then.
        """
        hosts = self._distribution
        hosts.check_agreement("space, network, data set or settings", self._identity)
        finished = hosts.from_chief(self._read(complete) if hosts.is_chief else 0)
        self._step.assign(finished)
        hosts.take_variables(self._variables)
        self._resumed_averages = [v.numpy() for v in self._kept_averages]
        self._last_save = time.monotonic()
        return finished

    def _read(self, complete: Callable[[int], bool]) -> int:
        checkpoints = self._checkpoints
        found, damaged = checkpoints.newest_whole()
        reason = None
        if found is not None:
            reason = run_identity.reason_of_another(checkpoints.folder, self._identity)
            if not reason:
                self._check_other_files(found, complete)
        for step, fault in damaged.items():
            name = checkpoints.set_aside(step)
            self._report(
                f"{checkpoints.path(step)} is damaged ({fault}); it is kept as {name}; trying the "
                "previous one"
            )
        if reason:
            self._report(f"{self._directory}: {reason}; starting over")
            checkpoints.remove(lambda step: True)
        if reason:
            found = None
        # A run that extends the one it found has another identity.
        files.write_json(checkpoints.folder / "run.json", self._identity)
        checkpoints.remove_leftovers()
        # Made only now, because its constructor reads the folder.
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(checkpoints.folder), max_to_keep=self._keep
        )
        if found is not None:
            self._take(checkpoints.path(found))
        finished = int(self._step.numpy())
        epochs = finished // self._steps_per_epoch
        self._write_rows(self.rows[:epochs] if epochs else [])
        return finished

    def _check_other_files(self, step: int, complete: Callable[[int], bool]) -> None:
        """Stops a run whose files beside the checkpoints do not cover their epochs."""
        epochs = step // self._steps_per_epoch
        received = len(self.rows) if epochs else 0
        if received < epochs or not complete(epochs):
            what = f"those of {received}" if received < epochs else "fewer"
            name = self._metrics_path if received < epochs else self._directory
            raise reading.FileFault(
                f"{name}: expected the rows of {epochs} epochs, received {what}; put a whole copy "
                f"back to go on from {self._checkpoints.path(step)}, which is still there, or move "
                f"{self._checkpoints.folder} away to start over"
            )

    def _take(self, path: pathlib.Path) -> None:
        try:
            self._checkpoint.restore(str(path)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise reading.FileFault(
                f"{path}: expected the variables of this run, received others "
                f"({str(error).splitlines()[0][:100]}); move {path.parent} away to start over"
            ) from error

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The metrics so far, one row per epoch."""
        return list(metrics_file.read(self._metrics_path))

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Restores the averages of a resumed epoch; in any other epoch resets them.

        `fit` has just reset the metrics it knows, but before its first step it does not know all.
        """
        self._first = int(self._step.numpy())
        in_midst = self._first % self._steps_per_epoch > 0
        for variable, value in zip(self._averages, self._resumed_averages, strict=True):
            variable.assign(value if in_midst else np.zeros_like(value))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes a checkpoint from time to time, and stops on request."""
        step = self._first + batch + 1
        if step % self._steps_per_epoch == 0:
            return  # `on_epoch_end` follows and does this.
        # Several hosts do not checkpoint here: they have no common clock, and can read their
        # averages only together.
        is_alone = self._distribution.num_hosts == 1
        is_due = is_alone and time.monotonic() - self._last_save >= self._seconds_between
        if is_due or self.request.is_made or step % _STEPS_BETWEEN_CHECKS == 0:
            # The averages of a few steps say little about an epoch.
            is_settled = step % self._steps_per_epoch >= _STEPS_BETWEEN_CHECKS
            self._check({k: float(v) for k, v in (logs or {}).items()}, step, is_settled)
        if is_due or (is_alone and self.request.is_made):
            for kept, average in zip(self._kept_averages, self._averages, strict=True):
                kept.assign(average.read_value())
            self._save(step)
        if self.request.is_made:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the metrics row, then the checkpoint."""
        values = {name: round(float(np.asarray(v)), 6) for name, v in (logs or {}).items()}
        self._check(values, (epoch + 1) * self._steps_per_epoch, True)
        if self._distribution.is_chief:
            self._write_rows([*self.rows[:epoch], {"epoch": epoch + 1, **values}])
        self._save((epoch + 1) * self._steps_per_epoch)
        if self.request.is_made:
            raise KeyboardInterrupt

    def _check(self, values: Mapping[str, float], step: int, is_settled: bool) -> None:
        epochs = (step - 1) // self._steps_per_epoch
        rows = self.rows[:epochs] if epochs else []
        earlier = [row["loss"] for row in rows if "loss" in row]
        reason = self._diverging.reason(values, earlier, is_settled)
        if reason:
            raise ValueError(
                f"training diverged in epoch {epochs + 1}: {reason} and start again in a new work "
                f"dir (the last state before is in {self._checkpoints.folder})"
            )

    def _save(self, step: int) -> None:
        self._step.assign(step)
        if self._distribution.is_chief:
            path = self._checkpoints.path(step)
            try:
                self._manager.save(checkpoint_number=step)
            except tf.errors.OpError as error:
                raise OSError(
                    f"{path}: expected to write a checkpoint, received the error "
                    f"{str(error).splitlines()[0][:100]!r}; make room and run the same command "
                    "again: it goes on from the checkpoint before"
                ) from error
            # The manager forgets checkpoints that an earlier process wrote.
            kept = self._checkpoints.steps[: self._keep]
            self._checkpoints.remove(lambda step: step not in kept)
        self._last_save = time.monotonic()

    def _write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        files.write_bytes(self._metrics_path, text.encode())
