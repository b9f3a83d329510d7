"""Flags on what can be seen of a run, before and while it works."""

from absl import flags

TENSORBOARD = flags.DEFINE_bool(
    "tensorboard",
    True,
    "Write curves for TensorBoard into the work dir: losses, entropy, latency against the target, "
    "the probability of every candidate. Look at them with `tensorboard --logdir=WORKDIR`.",
)
DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "Write nothing: check everything, make a few steps to see what they take, and print the plan.",
)
