"""A Keras callback that shows one line of progress for a whole `fit`."""

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import keras

from tools.terminal import console

_SECONDS_BETWEEN_UPDATES = 0.5


class ProgressCallback(keras.callbacks.Callback):
    """Shows epoch, step, time left and metrics of a `fit` on one line; call `fit` with `verbose=0`.

    It reads metrics only when it updates the line. With `callback_list.LazyCallbackList`, training
    therefore does not wait for the screen.

    Args:
        label: name of the training.
        metrics: names of the logs to show; all of them by default.
    """

    async_safe = True
    bar_counts = True

    def __init__(self, label: str = "training", metrics: Collection[str] | None = None) -> None:
        """Stores the arguments."""
        super().__init__()
        self.label = label
        self.metrics = metrics
        self._lock = threading.Lock()
        self._bar: console.Progress | None = None
        self._epoch = 0
        self._steps_before = 0
        self._step = 0
        self._shown_steps = 0
        self._last_update = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Opens the line at the first epoch, which is not 0 if training was resumed."""
        with self._lock:
            self._epoch = epoch
            if self._bar is None:
                self._open(epoch)
            self._steps_before, self._step = self._shown_steps, 0

    def _open(self, epoch: int) -> None:
        epochs, steps = self.params["epochs"], self.params.get("steps")
        # A `fit` that resumes in the middle of an epoch has `first_step` in its parameters.
        before = max(epoch * (steps or 0), self.params.get("first_step", 0))
        self._shown_steps = before if steps else 0
        total = epochs * steps if steps else None
        self._bar = console.Progress(total, self.label, "steps", self._shown_steps, self.bar_counts)
        self._bar.values = self.values({})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Updates the line, at most twice a second."""
        now = time.monotonic()
        with self._lock:
            # Several threads report batches, so a report may arrive late.
            self._step = max(self._step, batch + 1)
            if now - self._last_update >= _SECONDS_BETWEEN_UPDATES:
                self._last_update = now
                self._show(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Shows the epoch's metrics, including those of the validation."""
        with self._lock:
            self._show(logs or {})
            if self._bar is not None:
                for line in self.epoch_lines(logs or {}):
                    self._bar.note(line)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the line; the next `fit` opens another."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def close(self) -> None:
        """Closes the line of a `fit` that was stopped by an exception."""
        with self._lock:
            if self._bar is not None:
                self._bar.close(failed=True)
                self._bar = None

    def _show(self, logs: Mapping[str, Any]) -> None:
        if self._bar is None:
            return
        moved = self._steps_before + self._step - self._shown_steps
        self._shown_steps += moved
        self._bar.values = self.values(logs)
        self._bar.update(moved)

    @property
    def epoch_text(self) -> str:
        """The number of the epoch, counted from 1, and the number of epochs, such as `3/10`."""
        return f"{self._epoch + 1}/{self.params['epochs']}"

    def values(self, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Values beside the bar, by name; a narrow terminal cuts off the last ones."""
        shown = {name: float(logs[name]) for name in (self.metrics or logs) if name in logs}
        return {"epoch": self.epoch_text, **shown}

    def epoch_lines(self, logs: Mapping[str, Any]) -> Iterable[str]:
        """Lines to print after an epoch; none here."""
        del logs
        return ()
