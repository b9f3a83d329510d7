"""When a training diverges: its metrics are not finite, or its loss is far above that of guessing.

A network that names all C classes as equally likely has a loss of ln C. Training that works begins
about there and falls. A rate that is too high throws the loss up; some runs come back within an
epoch, others stay there or end at infinity.
"""

import math
from collections.abc import Mapping, Sequence

import keras

# How far a loss may be above the lowest one that was seen, in losses of guessing. The worst first
# epoch of a sweep, at twice the rate and without clipping, was 1.2 of them above guessing
# (docs/results.md). The limit is for runs that do not come back.
_MOST_GUESSES = 2.0


class Diverging:
    """Says whether a run diverges, and at which learning rate.

    Args:
        num_classes: number of classes; 0 if the loss is not that of a classifier, and may be any
            finite number.
        optimizer: has the learning rate that the message names; None if there is none.
    """

    def __init__(
        self, num_classes: int = 0, optimizer: keras.optimizers.Optimizer | None = None
    ) -> None:
        self._guessing = math.log(num_classes) if num_classes > 1 else math.inf
        self._optimizer = optimizer

    def reason(
        self, values: Mapping[str, float], earlier: Sequence[float], is_settled: bool
    ) -> str | None:
        """Returns why a run must stop and what to do, or None if it may go on.

        Args:
            values: metrics by name, averages over the epoch so far; `loss` is that of training.
            earlier: losses of the finished epochs.
            is_settled: whether the averages are over enough steps to judge a loss by.
        """
        if not all(math.isfinite(value) for value in values.values()):
            shown = {name: round(value, 6) for name, value in values.items()}
            return f"expected finite metrics, received {shown}; {self._remedy}"
        limit = min([self._guessing, *earlier]) + _MOST_GUESSES * self._guessing
        if is_settled and values.get("loss", 0.0) > limit:
            return (
                f"expected a loss of at most {limit:.3g}, where guessing has {self._guessing:.3g}, "
                f"received {values['loss']:.3g}; {self._remedy}"
            )
        return None

    @property
    def _remedy(self) -> str:
        if self._optimizer is None:
            return "lower the learning rate"
        rate = float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))
        return f"lower the learning rate, which was {rate:.3g} at this step,"
