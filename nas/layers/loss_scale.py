"""Loss scaling, which keeps float16 gradients from vanishing (Micikevicius et al. 2018).

Backwards, activations' gradients are float16 too, and most of them are smaller than it can hold. So
the gradient of scale * loss is computed, and divided by the scale where it is float32 again. A step
whose gradient overflowed is left out and halves the scale; many steps without one double it.
`keras.optimizers.LossScaleOptimizer` does the same for models that step all of their variables.
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
        variables: state to be kept in checkpoints, by name.
    """

    variables: Mapping[str, tf.Variable] = {}

    @property
    def logs(self) -> dict[str, tf.Tensor]:
        """What is to be seen among a step's metrics."""
        return {}

    def gradient(self, tape: tf.GradientTape, loss: tf.Tensor, sources: Any) -> Any:
        """dloss/dsources in the structure of `sources`; zero where unconnected.

        Args:
            tape: on which `loss` was computed.
            loss: scalar, float32.
            sources: float32 tensors.
        """
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss, sources, unconnected_gradients=zero)

    def apply(self, gradients: Sequence[tf.Tensor], step: Callable[[], None]) -> None:
        """Calls `step`, which applies `gradients`."""
        del gradients
        step()


class DynamicLossScale(LossScale):
    """A scale as large as the gradients allow."""

    def __init__(self) -> None:
        # Replicas see the same averaged gradients, so each keeps its own copy, and they agree.
        self._scale = tf.Variable(INITIAL_SCALE, trainable=False)
        self._steps = tf.Variable(0, trainable=False)
        self.variables = {"loss_scale": self._scale, "loss_scale_steps": self._steps}

    @property
    def logs(self) -> dict[str, tf.Tensor]:
        """The scale."""
        return {"loss_scale": tf.convert_to_tensor(self._scale)}

    def gradient(self, tape: tf.GradientTape, loss: tf.Tensor, sources: Any) -> Any:
        """As `LossScale.gradient`; infinite or NaN where the scale was too large."""
        scale = tf.convert_to_tensor(self._scale)
        zero = tf.UnconnectedGradients.ZERO
        scaled = tape.gradient(loss, sources, output_gradients=scale, unconnected_gradients=zero)
        return tf.nest.map_structure(lambda gradient: gradient / scale, scaled)

    def apply(self, gradients: Sequence[tf.Tensor], step: Callable[[], None]) -> None:
        """Calls `step` if all of `gradients` are finite, and moves the scale on."""
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
    """The scaling that training in `name`, one of `precision.PRECISIONS`, needs."""
    return DynamicLossScale() if precision.needs_loss_scale(name) else LossScale()
