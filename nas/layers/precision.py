"""The number formats in which a network can be trained.

With a mixed policy, convolutions and activations run in 16 bits. Weights, moments of batch
normalization, logits, loss and everything about the architecture parameters stay in float32
(Micikevicius et al. 2018). bfloat16 has the range of float32. float16 has not, so its losses are
scaled.
"""

import tensorflow as tf

from nas import known_names
from nas.architecture.operations import Conv, Depthwise
from nas.layers import stage_functions

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def check_name(precision: str) -> None:
    """Raises a ValueError that lists the known precisions if this one is unknown."""
    known_names.check("precision", precision, PRECISIONS)


def needs_loss_scale(precision: str) -> bool:
    """Returns whether the gradients of an unscaled loss would vanish."""
    return precision == "mixed_float16"


def check(precision: str) -> None:
    """Checks that this machine can train in `precision`.

    It runs every kind of operation of a small network, forward and backward.

    Args:
        precision: one of `PRECISIONS`.

    Raises:
        ValueError: the precision is unknown, or TensorFlow has no kernels for it on this machine.
    """
    check_name(precision)
    if precision == "float32":
        return
    dtype = tf.as_dtype(precision.removeprefix("mixed_"))
    try:
        tf.function(_probe, autograph=False)(tf.ones([2, 4, 4, 3], dtype))
    except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError) as error:
        (reason, *_) = str(error.message).splitlines()
        raise ValueError(
            f"precision: TensorFlow cannot train with {precision} on this machine ({reason}); "
            "use float32, or a GPU"
        ) from error


def _probe(x: tf.Tensor) -> tf.Tensor:
    stages = Conv(1, 1, 3, 3, "relu6"), Depthwise(3, 1, 3, "relu6")
    weights = [
        {w.name: tf.ones(w.shape) for w in stage.weights if w.bank.is_trainable} for stage in stages
    ]
    with tf.GradientTape() as tape:
        tape.watch([x, weights])
        y = x
        for stage, own in zip(stages, weights, strict=True):
            y, _ = stage_functions.run_stage(y, stage_functions.StageForm.of(stage), own)
        loss = tf.reduce_mean(tf.cast(y + x, tf.float32))
    gradients = tf.nest.flatten(tape.gradient(loss, [x, weights]))
    return tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in gradients])
