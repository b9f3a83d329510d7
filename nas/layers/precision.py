"""The number formats a network may be trained in.

Under a mixed policy convolutions and activations run in 16 bits, while weights, moments of batch
normalization, logits, loss and everything about the architecture parameters stay in float32
(Micikevicius et al. 2018). bfloat16 has float32's range; float16 has not, so its losses are scaled.
"""

import tensorflow as tf

from nas.layers import chain_function

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def check_name(precision: str) -> None:
    """Raises ValueError, naming the known ones, for an unknown precision."""
    if precision not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise ValueError(f"precision: expected one of {known}; received {precision!r}")


def needs_loss_scale(precision: str) -> bool:
    """Whether gradients of an unscaled loss would vanish."""
    return precision == "mixed_float16"


def check(precision: str) -> None:
    """Runs every kind of operation of a small network, forwards and backwards.

    Args:
        precision: one of `PRECISIONS`.

    Raises:
        ValueError: unknown, or TensorFlow has no kernels for it on this machine.
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
    affine = tf.ones([3])
    conv, depthwise = tf.ones([1, 1, 3, 3]), tf.ones([3, 3, 3, 1])
    with tf.GradientTape() as tape:
        tape.watch([x, conv, depthwise, affine])
        y = x
        for kind, kernel in (("conv", conv), ("depthwise", depthwise)):
            form = chain_function.StageForm(kind, 1, "relu6")
            y, *_ = chain_function.run_stage(y, form, kernel, affine, affine)
        loss = tf.reduce_mean(tf.cast(y + x, tf.float32))
    gradients = tape.gradient(loss, [x, conv, depthwise, affine])
    return tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in gradients])
