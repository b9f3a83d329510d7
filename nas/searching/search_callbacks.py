"""Callbacks of a search: store alpha after every epoch, and drop metrics that were not measured."""

import pathlib
from typing import Any

import keras
import numpy as np

from nas import reading
from nas.searching import alpha_file


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
        """Reads the first `epochs` from the file.

        Raises:
            FileFault: the file has fewer, or cannot be read.
        """
        if epochs and reading.exists(self._path):
            self._alphas = list(alpha_file.read(self._path)[:epochs])
        if len(self._alphas) < epochs:
            raise reading.FileFault(
                f"{self._path}: expected the alphas of {epochs} epochs, received those of "
                f"{len(self._alphas)}; put a whole copy back to go on from the checkpoints beside "
                "it, which are all still there, or move their folder away to start over"
            )
        return True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds this epoch's alpha and writes the file."""
        del logs
        alpha = np.where(self.model.mask, np.array(self.model.alpha), np.nan)
        self._alphas = [*self._alphas[:epoch], alpha]
        alpha_file.write(self._path, np.stack(self._alphas))
