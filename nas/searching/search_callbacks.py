"""Callbacks of a search: store alpha after every epoch, and drop metrics that were not measured."""

import pathlib
from typing import Any

import keras
import numpy as np

from nas import files


class UnmeasuredLogs(keras.callbacks.Callback):
    """Removes validation metrics from the logs of the first epochs, which do not measure them.

    Callbacks after this one see the shortened logs.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remembers the number of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Removes the metrics."""
        self._take_out(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Removes the metrics."""
        self._take_out(logs)

    def _take_out(self, logs: dict[str, Any] | None) -> None:
        if self._epoch < self._epochs:
            for name in ("validation_loss", "validation_accuracy", "reward"):
                (logs or {}).pop(name, None)


class AlphaHistory(keras.callbacks.Callback):
    """Stores `alphas` `[epochs, rows, most options]`, NaN in the padding, in one .npz file."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self._path = path
        self._alphas: list[np.ndarray] = []

    def read(self, epochs: int) -> bool:
        """Reads the first `epochs` from the file; returns False if it has fewer."""
        if self._path.exists():
            with np.load(self._path) as stored:
                self._alphas = list(stored["alphas"][:epochs])
        return len(self._alphas) == epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds this epoch's alpha and writes the file."""
        del logs
        alpha = np.where(self.model.mask, np.array(self.model.alpha), np.nan)
        self._alphas = [*self._alphas[:epoch], alpha]
        files.write_with(self._path, lambda path: np.savez(path, alphas=np.stack(self._alphas)))
