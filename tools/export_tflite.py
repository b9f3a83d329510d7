"""Writes a trained network as `.tflite` files and proves that they compute the same.

    python -m tools.export_tflite --model=runs/quick/child.keras --recipes=float32,int8 \
        --dataset=cifar10 --workdir=runs/quick

Each recipe gives `child_<recipe>.tflite` and `parity_<recipe>.json`. Files that are there and were
made from the same network and images are kept.
"""

from absl import flags

from export import recipes
from tools import console

_MODEL = flags.DEFINE_string("model", None, "The trained network, a .keras file.", required=True)
_RECIPES = flags.DEFINE_list(
    "recipes",
    ["float32", "float16", "dynamic_range", "int8"],
    "What to write, separated by commas.",
)
_DATASET = flags.DEFINE_string(
    "dataset", "cifar10", "Data set whose training images calibrate and whose test images compare."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where TFDS keeps data sets; its own default.")
_SEED = flags.DEFINE_integer("seed", 0, "Draws the calibration images.", lower_bound=0)
_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size",
    5000,
    "Training images that the search held out; never calibrated on.",
    lower_bound=0,
)
_CALIBRATION = flags.DEFINE_integer(
    "calibration_images", 500, "Images int8 is calibrated on.", lower_bound=1
)
_MAX_TEST = flags.DEFINE_integer(
    "max_test_images", 0, "Test images compared; 0 is all.", lower_bound=0
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where the files go.", required=True)


def main() -> None:
    """Exports and prints one row a recipe."""
    wanted = [recipes.recipe(name) for name in _RECIPES.value]
    if not wanted:
        raise ValueError(f"recipes: expected some of {', '.join(recipes.RECIPES)}; received none")
    # TensorFlow takes seconds to import; a bad flag should not wait for it.
    from export import exporting
    from nas import data

    model = exporting.load_model(_MODEL.value)
    dataset = data.load(
        _DATASET.value, _DATA_DIR.value, validation_size=_VALIDATION_SIZE.value, seed=_SEED.value
    )
    exporting.check_task(model, dataset.test.images.shape[1:], dataset.num_classes)
    calibration = None
    if any(recipe.needs_calibration for recipe in wanted):
        count = min(_CALIBRATION.value, len(dataset.train))
        calibration = data.calibration_images(dataset.train, count, _SEED.value)
    count = _MAX_TEST.value or len(dataset.test)
    results = exporting.export(
        _MODEL.value,
        [recipe.name for recipe in wanted],
        _WORKDIR.value,
        data.to_float(dataset.test.images[:count]).numpy(),
        dataset.test.labels[:count],
        calibration,
        console.say,
    )
    headers = ["recipe", "size kB", "max difference", "same top-1 %", "accuracy %"]
    rows = [
        (
            name,
            result["size_bytes"] / 1000,
            result["max_abs_difference"],
            100 * result["top1_agreement"],
            100 * result["accuracy_tflite"],
        )
        for name, result in results.items()
    ]
    keras_accuracy = 100 * next(iter(results.values()))["accuracy_keras"]
    console.say(f"\n{console.table(headers, rows)}")
    console.say(f"Keras: {keras_accuracy:.2f} % on {count:,} test images. In {_WORKDIR.value}.")


if __name__ == "__main__":
    console.run(main)
