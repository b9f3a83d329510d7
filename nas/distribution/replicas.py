"""What a training step must know about the other replicas that take it at the same time.

Replicas are copies of a network on several devices or hosts, each with its slice of one global
batch (`tf.distribute`). They draw the same paths, since a draw is a function of seed, step and
alpha. They stay equal to the bit as long as everything a step writes was either computed from equal
values or went through `mean` first. Without a strategy there is one replica, and nothing here adds
an operation to the graph.
"""

from typing import Any

import keras
import tensorflow as tf


def count() -> int:
    """Number of replicas that step together; 1 outside of a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(values: Any) -> Any:
    """The mean over replicas of float tensors, which have the same shapes everywhere.

    It can be differentiated, and its gradient is the mean over replicas of gradients: with a loss
    that is the mean over a replica's images, gradients come out as of the mean of losses.

    It may not stand in a branch or a loop: `MirroredStrategy` waits for all replicas while they
    are traced, and can do so in the outermost graph alone.

    Args:
        values: tensors, in any structure.
    """
    if count() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def local(variable: keras.Variable | tf.Variable) -> tf.Variable:
    """This replica's copy of a variable, which can be written in a branch too."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    copies = tf.distribute.get_strategy().experimental_local_results(value)
    context = tf.distribute.get_replica_context()
    # Replicas are numbered host by host.
    number = int(tf.get_static_value(context.replica_id_in_sync_group))
    return copies[number % len(copies)]
