"""What a search's `fit` writes beside metrics and checkpoints, and what it leaves out."""

import pathlib
from typing import Any

import keras
import numpy as np

from nas import files


class UnmeasuredLogs(keras.callbacks.Callback):
    """Takes what the first epochs do not measure out of their logs, for every callback after it."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes them out."""
        self._take_out(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes them out."""
        self._take_out(logs)

    def _take_out(self, logs: dict[str, Any] | None) -> None:
        if self._epoch < self._epochs:
            for name in ("validation_loss", "validation_accuracy", "reward"):
                (logs or {}).pop(name, None)


class AlphaHistory(keras.callbacks.Callback):
    """Keeps `alphas` [epochs, slots, most candidates], NaN in the padding, in one .npz file."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self._path = path
        self._alphas: list[np.ndarray] = []

    def read(self, epochs: int) -> bool:
        """Takes the first `epochs` back; False when the file does not hold them."""
        if self._path.exists():
            with np.load(self._path) as stored:
                self._alphas = list(stored["alphas"][:epochs])
        return len(self._alphas) == epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds this epoch's."""
        del logs
        alpha = np.where(self.model.mask, np.array(self.model.alpha), np.nan)
        self._alphas = [*self._alphas[:epoch], alpha]
        files.write_with(self._path, lambda path: np.savez(path, alphas=np.stack(self._alphas)))
