"""Flags for recipes that train a network further: int8_qat, sparse, sparse_int8, clustered."""

from typing import Any

from absl import flags

from tools.terminal import idle_flags

_EPOCHS = flags.DEFINE_integer(
    "fine_tune_epochs", 3, "Epochs of fine-tuning, for recipes that train.", lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer(
    "fine_tune_batch_size", 128, "Images per step of fine-tuning.", lower_bound=1
)
_RATE = flags.DEFINE_float(
    "fine_tune_learning_rate",
    0.05,
    "Learning rate at the first step of fine-tuning; it falls to zero.",
    lower_bound=1e-9,
)


def settings() -> dict[str, Any]:
    """Fields of `export.fine_tuning.jobs.Settings` as a dict, since its module imports slowly."""
    return {
        "epochs": _EPOCHS.value,
        "batch_size": _BATCH_SIZE.value,
        "learning_rate": _RATE.value,
    }


def check(is_used: bool) -> None:
    """Refuses these flags if no recipe fine-tunes.

    Raises:
        ValueError: one was given; the message names it.
    """
    names = [flag.name for flag in (_EPOCHS, _BATCH_SIZE, _RATE)]
    needed = "with a recipe that fine-tunes, such as int8_qat"
    idle_flags.check(idle_flags.Rule(names, is_used, needed))
