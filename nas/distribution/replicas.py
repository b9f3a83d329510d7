"""Operations between the replicas that take a training step together.

Replicas are copies of a network on several devices or hosts, each with its slice of one global
batch (`tf.distribute`). They draw the same paths, since a draw is a function of seed, step and
alpha. They stay equal to the bit as long as everything a step writes was either computed from equal
values or averaged by `mean` first. Without a strategy there is one replica, and no function here
adds an operation to the graph.
"""

from typing import Any

import keras
import tensorflow as tf


def count() -> int:
    """Returns the number of replicas that step together; 1 outside of a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(values: Any) -> Any:
    """Returns the mean over replicas of float tensors with the same shapes on all replicas.

    It is differentiable, and its gradient is the mean of the replicas' gradients. If the loss is
    the mean over a replica's images, the result is the gradient of the mean loss.

    Do not call it in a branch or a loop: `MirroredStrategy` waits for all replicas while they are
    traced, and can do so only in the outermost graph.

    Args:
        values: tensors, in any structure.
    """
    if count() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def local(variable: keras.Variable | tf.Variable) -> tf.Variable:
    """Returns this replica's copy of a variable, which can also be written inside a branch."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    copies = tf.distribute.get_strategy().experimental_local_results(value)
    context = tf.distribute.get_replica_context()
    # Replicas are numbered host by host.
    number = int(tf.get_static_value(context.replica_id_in_sync_group))
    return copies[number % len(copies)]
