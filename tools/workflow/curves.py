"""A Keras callback that writes curves for TensorBoard."""

import contextlib
import pathlib
import re
import shutil
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar

from nas import disk_faults
from nas.architecture.specs import SearchSpace
from nas.supernet.supernet import Supernet
from tools.terminal import notation

# An epoch may take hours, so probabilities and latency are written several times per epoch.
_POINTS_PER_EPOCH = 20


class Curves(keras.callbacks.Callback):
    """Writes every metric after each epoch, and the state of alpha twenty times an epoch.

    For a supernet that learns its architecture, it writes the probability of each slot's candidates
    (`slot_03/k5e3`), of the numbers of each width (`width_w2/24`) and of each resolution
    (`resolution/32`), the entropy, the expected latency, the latency of the most probable child and
    the target. TensorBoard's tab "Custom scalars" draws one chart per slot, width and resolution
    with all its options, and one chart with all latencies. The horizontal axis counts steps.

    Each trained network has its own folder, named after the network. The folder is emptied when
    training starts from the first step.

    Args:
        directory: `tensorboard/` of a run.
        target: target of the search; 0 for none.
    """

    def __init__(self, directory: pathlib.Path, target: float = 0.0) -> None:
        """Stores the arguments; writes nothing before `fit` begins."""
        super().__init__()
        self._directory = directory
        self._target = target
        self._writer: tf.summary.SummaryWriter | None = None
        self._first = 0
        self._began = 0.0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Opens the folder of this network for writing."""
        del logs
        folder = self._directory / self.model.name
        if not self.params.get("first_step", 0):
            shutil.rmtree(folder, ignore_errors=True)
        with self._named():
            self._writer = tf.summary.create_file_writer(str(folder))
            if _learns_alpha(self.model):
                layout = custom_scalar.pb(_layout(self.model)).SerializeToString()
                with self._writer.as_default():
                    tf.summary.experimental.write_raw_pb(layout, step=0)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Closes the folder."""
        del logs
        if self._writer is not None:
            with self._named():
                self._writer.close()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Notes the first step of this epoch; a resumed run may start in the middle of one."""
        del logs
        self._first = max(epoch * self._steps, self.params.get("first_step", 0))
        self._began = time.monotonic()

    @property
    def _steps(self) -> int:
        """Steps per epoch."""
        return self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the state of alpha, twenty times per epoch."""
        step = self._first + batch + 1
        period = -(-self._steps // _POINTS_PER_EPOCH)
        if step % period == 0 and _learns_alpha(self.model):
            self._write(step, self._architecture(logs or {}))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes every metric."""
        step = (epoch + 1) * self._steps
        seconds = time.monotonic() - self._began
        speed = {"time/steps_per_second": (step - self._first) / seconds}
        architecture = self._architecture({}) if _learns_alpha(self.model) else {}
        self._write(step, dict(logs or {}) | architecture | speed)

    def _architecture(self, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Values that describe alpha: its probabilities, and its metrics among `logs`."""
        quantity = self.model.latencies.quantity
        names = ("entropy", f"expected_{quantity}", f"most_probable_{quantity}")
        found = {name: logs[name] for name in names if name in logs}
        if self._target:
            found[f"target_{quantity}"] = self._target
        for i, row in enumerate(self.model.probabilities):
            found |= dict(zip(_tags(self.model.space, i), row[~np.isnan(row)], strict=True))
        return found

    def _write(self, step: int, values: Mapping[str, Any]) -> None:
        if self._writer is None:
            return
        with self._named():
            with self._writer.as_default():
                for name, value in values.items():
                    tf.summary.scalar(name, float(value), step=step)
            self._writer.flush()

    def _named(self) -> contextlib.AbstractContextManager[None]:
        """Names the folder in errors of the writer. All work is in checkpoints by then."""
        return disk_faults.named(
            self._directory,
            "curves for TensorBoard",
            "run the same command again to go on, or with --notensorboard",
        )


def _learns_alpha(model: keras.Model) -> bool:
    return isinstance(model, Supernet) and model.algorithm.learns_alpha


def _tags(space: SearchSpace, row: int) -> list[str]:
    """TensorBoard tags of the options of a row of alpha."""
    title, options = space.option_labels[row]
    name = f"slot_{row:02d}" if row < len(space.slots) else title.replace(" ", "_")
    return [f"{name}/{notation.operation(option)}" for option in options]


def _layout(supernet: Supernet) -> layout_pb2.Layout:
    """Groups the curves into charts."""

    def picture(title: str, tags: list[str]) -> layout_pb2.Chart:
        # Tags are regular expressions here.
        exact = [f"^{re.escape(tag)}$" for tag in tags]
        return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=exact))

    quantity = supernet.latencies.quantity
    costs = [f"{name}_{quantity}" for name in ("expected", "most_probable", "target")]
    space = supernet.space
    slots = [
        picture(f"slot {i}: {slot.input_width} -> {slot.output_width}", _tags(space, i))
        for i, slot in enumerate(space.slots)
    ]
    labels = space.option_labels
    sizes = [picture(labels[i][0], _tags(space, i)) for i in range(len(slots), len(labels))]
    categories = [
        layout_pb2.Category(title="Target", chart=[picture(quantity, costs)]),
        layout_pb2.Category(title="Probabilities of each slot's candidates", chart=slots),
    ]
    if sizes:
        title = "Probabilities of widths and resolutions"
        categories.append(layout_pb2.Category(title=title, chart=sizes))
    return layout_pb2.Layout(category=categories)
