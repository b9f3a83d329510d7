"""What `fit` of Keras 3 needs where several replicas step together.

`two_step_function` is a supernet's training function: which step a batch asks for is seen from the
host, by the shape of its validation images, because replicas cannot wait for each other inside a
branch of the graph. Children keep Keras' own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

_OPTIMIZER_SETTINGS = (
    *("clipnorm", "global_clipnorm", "clipvalue", "weight_decay", "use_ema"),
    *("gradient_accumulation_steps", "loss_scale_factor"),
)


class BuiltBeforeFit:
    """Mixed into a Keras model whose weights, optimizer and metrics are built before `fit`.

    Under a strategy Keras looks at a batch to build what may be missing, and fails at batches that
    lie on several devices.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        del iterator, data_batch


class ReplicatedChild(BuiltBeforeFit, keras.Model):
    """A functional model whose stock `fit` works under every strategy.

    Example:
        model = ReplicatedChild(model.inputs, model.outputs)
    """

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """As the stock one; logs are vectors, the only kind that Keras can average over hosts."""
        logs = super().train_step(data)
        return {name: tf.reshape(value, [1]) for name, value in logs.items()}


def check_settings(arch_optimizer: keras.optimizers.Optimizer, **fit_settings: Any) -> None:
    """Refuses settings that a supernet's replicas would ignore.

    Alpha is stepped by its optimizer's plain rule, since the rest of what an optimizer does wants
    to reduce gradients itself.

    Args:
        arch_optimizer: alpha's.
        **fit_settings: further arguments of `compile`.

    Raises:
        ValueError: one of them would be ignored; the message names it.
    """
    for name in _OPTIMIZER_SETTINGS:
        if getattr(arch_optimizer, name, None):
            raise ValueError(f"arch_optimizer: {name} is not supported with several replicas")
    for name, neutral in (("run_eagerly", False), ("steps_per_execution", 1)):
        if fit_settings.get(name, neutral) != neutral:
            raise ValueError(
                f"{name}: expected {neutral} with several replicas, received {fit_settings[name]}"
            )


def two_step_function(
    strategy: tf.distribute.Strategy,
    weight_step: Callable[[Any], dict[str, tf.Tensor]],
    architecture_step: Callable[[Any], dict[str, tf.Tensor]],
) -> Callable[[Iterator[Any]], dict[str, tf.Tensor]]:
    """A training function, as `make_train_function` leaves it for `fit`.

    Args:
        strategy: which replicas there are.
        weight_step: from images and labels of one replica to logs, equal on all replicas.
        architecture_step: the same from validation images and labels.

    Returns:
        From an iterator to the logs of its next pair: a weight step, and an architecture step
        unless there are no validation images.
    """

    def on_all_replicas(step: Callable[[Any], dict[str, tf.Tensor]]) -> Callable[[Any], Any]:
        @tf.autograph.experimental.do_not_convert
        def run(batch: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(batch,))
            return {
                name: strategy.experimental_local_results(value)[0] for name, value in logs.items()
            }

        return tf.function(run, reduce_retracing=True)

    weights, architecture = on_all_replicas(weight_step), on_all_replicas(architecture_step)

    def train(iterator: Iterator[Any]) -> dict[str, tf.Tensor]:
        batch, validation = next(iterator)
        logs = weights(batch)
        # A shape is known on the host; nobody waits for a device here.
        if strategy.experimental_local_results(validation[0])[0].shape[0]:
            logs = architecture(validation)
        return logs

    return train
