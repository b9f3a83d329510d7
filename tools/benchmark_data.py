"""Measures how many augmented images per second the input pipeline delivers, and what limits it.

Example:
    python -m tools.benchmark_data --dataset=cifar10 --batch_size=128
    python -m tools.benchmark_data --dataset=imagenet2012 --cache=files --batch_size=256

It also measures the limit of this machine: the same operations on the same images in a plain loop
on every core, without `tf.data`. It takes two minutes; let nothing else run meanwhile.
"""

import statistics

from absl import flags

from tools.flags import data_flags
from tools.terminal import console

_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images per batch.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 25, "Number of rounds; the result is their median.", lower_bound=1
)
_SECONDS = flags.DEFINE_float(
    "seconds", 1.0, "Seconds of the pipeline, and of the loop, in each round.", lower_bound=0.01
)


def main() -> None:
    """Prints the medians and ranges over the rounds, and the time of each stage."""
    from nas import chatter
    from nas.data import loading

    with chatter.silenced():
        import tensorflow as tf

        from tools.experiments import input_throughput

    # Images in parallel keep all cores busy, so each operation uses one core.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    dataset = loading.load(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        images=data_flags.options(),
        track=lambda examples, total, label: console.progress(examples, total, label, "images"),
        report=console.say,
    )
    found = input_throughput.measure(
        dataset.train, _BATCH_SIZE.value, _ROUNDS.value, _SECONDS.value
    )
    whole = sum(found.stage_ms.values())
    rows = [(name, ms, 100 * ms / whole) for name, ms in found.stage_ms.items()]
    console.say(console.table(["stage", "ms per image, one core", "%"], rows))
    console.say(f"slowest stage: {found.slowest}\n")
    compared = [
        ("pipeline", *_rates(found.images_per_second, found.cores)),
        ("plain loop", *_rates(found.limits, found.cores)),
    ]
    console.say(console.table(["", "images/s", "per core", "rounds"], compared))
    lowest, highest = 100 * min(found.shares), 100 * max(found.shares)
    console.say(
        f"{100 * found.share:.1f} % of the limit of {found.cores} cores, the median of "
        f"{len(found.shares)} rounds ({lowest:.1f} to {highest:.1f} %)"
    )


def _rates(by_round: list[float], cores: int) -> tuple[float, float, str]:
    """Median images per second, the same per core, and the range over the rounds."""
    rate = statistics.median(by_round)
    return rate, rate / cores, f"{min(by_round):.0f} to {max(by_round):.0f}"


if __name__ == "__main__":
    console.run(main)
