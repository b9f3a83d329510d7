"""Flags to watch a run: curves for TensorBoard, and a dry run that prints the plan."""

from absl import flags

TENSORBOARD = flags.DEFINE_bool(
    "tensorboard",
    True,
    "Write curves for TensorBoard into the work dir: losses, entropy, latency against the target, "
    "the probability of every candidate. View them with `tensorboard --logdir=WORKDIR`.",
)
DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "Write nothing: check the flags, time a few steps and print the plan.",
)
