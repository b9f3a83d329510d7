"""The flags of recipes that train a network further: int8_qat, sparse, sparse_int8, clustered."""

from typing import Any

from absl import flags

_EPOCHS = flags.DEFINE_integer(
    "fine_tune_epochs", 3, "Passes over the training images, where a recipe trains.", lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer("fine_tune_batch_size", 128, "Images a step.", lower_bound=1)
_RATE = flags.DEFINE_float(
    "fine_tune_learning_rate", 0.05, "At their first step, falling to zero.", lower_bound=1e-9
)


def settings() -> dict[str, Any]:
    """Fields of `export.fine_tuning.process.Settings`, which takes seconds to import."""
    return {
        "epochs": _EPOCHS.value,
        "batch_size": _BATCH_SIZE.value,
        "learning_rate": _RATE.value,
    }
