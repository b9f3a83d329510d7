"""Adapts `fit` of Keras 3 to several replicas.

`two_step_function` makes a supernet's training function. It decides on the host, by the shape of
the validation images, whether an architecture step follows, because replicas cannot wait for each
other inside a branch of the graph. Children use Keras' own training function.
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
    """Mixin for a Keras model whose weights, optimizer and metrics are built before `fit`.

    Under a strategy Keras would inspect a batch to build missing variables, and fail because the
    batch is spread over several devices.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        del iterator, data_batch


class ReplicatedChild(BuiltBeforeFit, keras.Model):
    """A functional model whose stock `fit` works under every strategy.

    Example:
        model = ReplicatedChild(model.inputs, model.outputs)
    """

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Runs the stock step; returns logs as vectors, which Keras can average over hosts."""
        logs = super().train_step(data)
        return {name: tf.reshape(value, [1]) for name, value in logs.items()}


def check_settings(arch_optimizer: keras.optimizers.Optimizer, **fit_settings: Any) -> None:
    """Refuses settings that a supernet's replicas would ignore.

    Only the plain update rule of alpha's optimizer is used, since the rest of the optimizer would
    reduce gradients over replicas itself.

    Args:
        arch_optimizer: the optimizer of alpha.
        **fit_settings: further arguments of `compile`.

    Raises:
        ValueError: a setting would be ignored; the message names it.
    """
    for name in _OPTIMIZER_SETTINGS:
        if getattr(arch_optimizer, name, None):
            raise ValueError(
                f"arch_optimizer: expected no {name} with several replicas, received "
                f"{getattr(arch_optimizer, name)}; remove it or train on one replica"
            )
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
    """Makes the training function that `make_train_function` provides for `fit`.

    Args:
        strategy: strategy of the replicas.
        weight_step: given images and labels of one replica, returns logs equal on all replicas.
        architecture_step: the same for validation images and labels.

    Returns:
        A function that takes an iterator, runs a weight step on its next pair, then an architecture
        step if the pair has validation images, and returns the logs.
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
        # The host knows the shape, so this does not wait for a device.
        if strategy.experimental_local_results(validation[0])[0].shape[0]:
            logs = architecture(validation)
        return logs

    return train
