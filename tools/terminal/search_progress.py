"""Progress of a search: the bar, and lines after each epoch."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from nas.choices import derive
from nas.supernet.supernet import Supernet
from tools.terminal import console, fit_progress, notation

_COLUMNS = 80


class SearchProgress(fit_progress.ProgressCallback):
    """Shows latency, target and entropy beside the bar, and prints lines after every epoch.

    While architecture parameters are learned, it prints two lines after an epoch. The first has
    the validation accuracy of the sampled paths, the latency of the most probable network,
    E[latency] over all paths, and the entropy. The second is the most probable network. Everything
    fits a terminal of 80 columns.

    Args:
        target: target of the search; 0 for none.
        quantity: quantity of the target, as in `nas.choices.candidate_costs.Latencies`.
    """

    bar_counts = False

    def __init__(self, target: float, quantity: str = "latency_ms") -> None:
        """Stores the arguments."""
        super().__init__("search")
        self._target = target
        self._quantity = quantity

    def values(self, logs: Mapping[str, Any]) -> dict[str, Any]:
        """See `ProgressCallback`; the most important values come first."""
        shown: dict[str, Any] = {}
        if _learns(logs):
            if self._target:
                shown["at"] = self._latency(logs)
            shown["entropy"] = f"{float(logs['entropy']):.2f}"
        shown["epoch"] = self.epoch_text
        losses = {name: float(logs[name]) for name in ("loss", "accuracy") if name in logs}
        return shown | losses

    def epoch_lines(self, logs: Mapping[str, Any]) -> Iterable[str]:
        """See `ProgressCallback`."""
        start = f"epoch {self.epoch_text}:"
        if not _learns(logs):
            accuracy = 100.0 * float(logs["accuracy"])
            return [f"{start} loss {float(logs['loss']):.3f}, training accuracy {accuracy:.1f} %"]
        words = [f"{start} validation {100.0 * float(logs['validation_accuracy']):.1f} %"]
        if self._target:
            expected = console.compact(float(logs[f"expected_{self._quantity}"]))
            words.append(f"{self._latency(logs)} (mean {expected})")
        words.append(f"entropy {float(logs['entropy']):.2f}")
        return [", ".join(words), *self._network()]

    def _latency(self, logs: Mapping[str, Any]) -> str:
        now = console.compact(float(logs[f"most_probable_{self._quantity}"]))
        unit = self._quantity.removeprefix("latency_")
        return f"{now} of {console.compact(self._target)} {unit}"

    def _network(self) -> list[str]:
        supernet = self.model
        if not isinstance(supernet, Supernet):
            return []
        most_probable = derive.most_probable(supernet.probabilities)
        # The console indents every line by another two columns.
        return textwrap.wrap(
            notation.network(supernet.space, most_probable),
            _COLUMNS - 3,
            initial_indent="  ",
            subsequent_indent="  ",
        )


def _learns(logs: Mapping[str, Any]) -> bool:
    """Whether this epoch makes architecture steps; only such epochs have validation metrics."""
    return "validation_accuracy" in logs
