"""How many augmented images a second the input pipeline delivers.

Example:
    python -m tools.benchmark_data --dataset=cifar10 --batch_size=128
"""

import statistics
import time

from absl import flags

from nas import data
from tools import console, data_flags

_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images a batch.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds, of which the median counts.", lower_bound=1)

_IMAGES_A_ROUND = 50_000


def main() -> None:
    """Prints the median over the rounds, and every round."""
    train = data.load(
        data_flags.DATASET.value, data_flags.DATA_DIR.value, images=data_flags.options()
    ).train
    batches = iter(data.training_batches(train, _BATCH_SIZE.value, seed=0))
    num_batches = max(1, _IMAGES_A_ROUND // _BATCH_SIZE.value)
    for _ in range(num_batches // 5 + 1):
        next(batches)
    rates = []
    for _ in range(_ROUNDS.value):
        start = time.perf_counter()
        for _ in range(num_batches):
            next(batches)
        rates.append(num_batches * _BATCH_SIZE.value / (time.perf_counter() - start))
    rounds = ", ".join(f"{rate:,.0f}" for rate in rates)
    console.say(f"{statistics.median(rates):,.0f} images/s (rounds: {rounds})")


if __name__ == "__main__":
    console.run(main)
