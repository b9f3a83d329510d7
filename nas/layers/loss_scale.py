"""Loss scaling, which keeps float16 gradients from vanishing (Micikevicius et al. 2018).

The gradients of float16 activations are float16 too, and most of them are smaller than its smallest
number. Therefore the gradient of scale * loss is computed, and divided by the scale once it is
float32 again. A step whose gradient overflowed is left out, and halves the scale; after many steps
without overflow the scale is doubled. `keras.optimizers.LossScaleOptimizer` does the same for
models that update all their variables in every step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from nas.layers import precision

INITIAL_SCALE = 2.0**15
GROWTH_STEPS = 2000


class LossScale:
    """No scaling, for formats with the range of float32.

    Attributes:
        variables: state that checkpoints keep, by name.
    """

    variables: Mapping[str, tf.Variable] = {}

    @property
    def logs(self) -> dict[str, tf.Tensor]:
        """Values to report among the metrics of a step, by name."""
        return {}

    def gradient(self, tape: tf.GradientTape, loss: tf.Tensor, sources: Any) -> Any:
        """Returns dloss/dsources in the structure of `sources`; zero for unconnected sources.

        Args:
            tape: the tape that recorded `loss`.
            loss: scalar, float32.
            sources: float32 tensors.
        """
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss, sources, unconnected_gradients=zero)

    def apply(self, gradients: Sequence[tf.Tensor], step: Callable[[], None]) -> None:
        """Calls `step`, which is expected to apply `gradients`."""
        del gradients
        step()


class DynamicLossScale(LossScale):
    """A scale that stays as large as the gradients allow."""

    def __init__(self) -> None:
        # Each replica keeps its own copy. They agree, since all see the same averaged gradients.
        self._scale = tf.Variable(INITIAL_SCALE, trainable=False)
        self._steps = tf.Variable(0, trainable=False)
        self.variables = {"loss_scale": self._scale, "loss_scale_steps": self._steps}

    @property
    def logs(self) -> dict[str, tf.Tensor]:
        """The scale."""
        return {"loss_scale": tf.convert_to_tensor(self._scale)}

    def gradient(self, tape: tf.GradientTape, loss: tf.Tensor, sources: Any) -> Any:
        """As `LossScale.gradient`, but infinite or NaN where the scale was too large."""
        scale = tf.convert_to_tensor(self._scale)
        zero = tf.UnconnectedGradients.ZERO
        scaled = tape.gradient(loss, sources, output_gradients=scale, unconnected_gradients=zero)
        return tf.nest.map_structure(lambda gradient: gradient / scale, scaled)

    def apply(self, gradients: Sequence[tf.Tensor], step: Callable[[], None]) -> None:
        """Calls `step` if all `gradients` are finite, and updates the scale."""
        is_finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])

        def apply() -> tf.Tensor:
            step()
            return tf.constant(True)

        tf.cond(is_finite, apply, lambda: tf.constant(False))
        steps = tf.where(is_finite, self._steps + 1, 0)
        grows = steps >= GROWTH_STEPS
        factor = tf.where(is_finite, tf.where(grows, 2.0, 1.0), 0.5)
        self._scale.assign(self._scale * factor)
        self._steps.assign(tf.where(grows, 0, steps))


def for_precision(name: str) -> LossScale:
    """Returns the loss scale for training in `name`, one of `precision.PRECISIONS`."""
    return DynamicLossScale() if precision.needs_loss_scale(name) else LossScale()
