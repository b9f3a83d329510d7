"""Flags of the commands that compare networks trained alike."""

from absl import flags

LATENCY_MODEL = flags.DEFINE_string(
    "latency_model", None, "File written by tools.fit_latency.", required=True
)
REPEATS = flags.DEFINE_integer(
    "train_repeats", 1, "Trainings of each network, each with its own seed.", lower_bound=1
)
MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples", 0, "Largest number of training images to use; 0 is all.", lower_bound=0
)
VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size", 5000, "Training images held out to train alpha.", lower_bound=1
)
