"""Downloads a data set in the layout of TensorFlow Datasets (TFDS) and prints a summary of it.

Examples:
    python -m tools.prepare_data --dataset=cifar10
    python -m tools.prepare_data --dataset=folder:DIR
"""

from absl import flags

from tools.flags import data_flags
from tools.terminal import console, idle_flags

_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size",
    5000,
    "Images of the architecture-validation split; at most a fifth of the training images.",
    lower_bound=0,
)
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir",
    None,
    "Folder with archives that you had to register for, such as ImageNet's; downloads/manual in "
    "the TFDS folder if not given.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed for the validation images.", lower_bound=0)


def main() -> None:
    """Prepares and loads the data set, then prints a summary."""
    import numpy as np

    from nas.data import loading, sources
    from nas.data.folder import image_folder
    from nas.data.splits import dataset as dataset_lib
    from tools.workflow import image_regime

    idle_flags.check(
        idle_flags.Rule(
            ["manual_dir"],
            not image_folder.is_folder(data_flags.DATASET.value),
            "with a data set of TensorFlow Datasets",
            "it with a folder of images",
        )
    )
    sources.prepare(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        report=console.say,
        track=lambda examples, total, label: console.progress(examples, total, label, "images"),
        manual_dir=_MANUAL_DIR.value,
    )
    dataset = loading.load(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        validation_size=_VALIDATION_SIZE.value,
        seed=_SEED.value,
        images=data_flags.options(),
        track=lambda examples, total, label: console.progress(examples, total, label, "images"),
        report=console.say,
    )
    height, width, channels = dataset.input_shape
    duplicates = dataset_lib.count_duplicates(dataset)
    console.title(dataset.name)
    console.say(
        console.table(
            ["split", "images"],
            [
                ["train", len(dataset.train)],
                ["validation", len(dataset.validation)],
                ["test", len(dataset.test)],
            ],
        )
    )
    console.say(f"images: {height}x{width}, {channels} channel{'s' if channels > 1 else ''}")
    console.say(f"classes: {dataset.num_classes} ({_shortened(dataset.class_names)})")
    per_class = np.bincount(dataset.train.labels, minlength=dataset.num_classes)
    fewest, most = min(per_class), max(per_class)
    if fewest != most:
        console.say(f"training images per class: {fewest:,} to {most:,}")
    console.say(f"training images: {image_regime.text(dataset)}")
    counts = ", ".join(f"{where}: {count}" for where, count in duplicates.items())
    console.say(f"identical images across splits: {counts}")


def _shortened(names: tuple[str, ...], limit: int = 10) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")


if __name__ == "__main__":
    console.run(main)
