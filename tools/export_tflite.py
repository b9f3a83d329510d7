"""Writes a trained network as `.tflite` files and proves that they compute the same.

    python -m tools.export_tflite --model=runs/quick/child.keras --recipes=float32,int8 \
        --dataset=cifar10 --workdir=runs/quick

Each recipe gives `child_<recipe>.tflite` and `parity_<recipe>.json`. Files that are there and were
made from the same network and images are kept. A `child.json` beside the model, as training leaves
it, goes into the files and is needed by the recipes that train further (`int8_qat`, `sparse`,
`sparse_int8`, `clustered`). docs/android.md shows the way into an app.
"""

from absl import flags

from export import recipes
from tools import console, data_flags

_MODEL = flags.DEFINE_string("model", None, "The trained network, a .keras file.", required=True)
_RECIPES = flags.DEFINE_list(
    "recipes",
    ["float32", "float16", "dynamic_range", "int8"],
    "What to write, separated by commas.",
)
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
_EPOCHS = flags.DEFINE_integer(
    "fine_tune_epochs",
    3,
    "Passes over the training images, for int8_qat, sparse, sparse_int8 and clustered.",
    lower_bound=1,
)
_RATE = flags.DEFINE_float(
    "fine_tune_learning_rate", 0.05, "At their first step, falling to zero.", lower_bound=1e-9
)
_OTHER_RUNTIMES = flags.DEFINE_list(
    "other_runtimes",
    [],
    "Pythons of environments with another tflite-runtime or ai-edge-litert, and numpy: each file "
    "is run there too.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where the files go.", required=True)

# Images that are run in other runtimes.
_ELSEWHERE = 500


def main() -> None:
    """Exports and prints one row a recipe."""
    wanted = [recipes.recipe(name) for name in _RECIPES.value]
    if not wanted:
        raise ValueError(f"recipes: expected some of {', '.join(recipes.RECIPES)}; received none")
    # TensorFlow takes seconds to import; a bad flag should not wait for it.
    from export import examples, exporting, fine_tuning, other_runtime
    from nas import data
    from tools import stages

    model = exporting.load_model(_MODEL.value)
    dataset = data.load(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        validation_size=_VALIDATION_SIZE.value,
        seed=_SEED.value,
        images=data_flags.options(model.input_shape[1]),
        track=stages.track,
        report=console.say,
    )
    exporting.check_task(model, dataset.input_shape, dataset.num_classes)
    given = examples.from_dataset(dataset, _SEED.value, _CALIBRATION.value, _MAX_TEST.value)
    about = exporting.describe(_MODEL.value, dataset)
    if about.child is None:
        console.say("there is no child.json beside the model: the files will not hold the network")
    results = exporting.export(
        _MODEL.value,
        [recipe.name for recipe in wanted],
        _WORKDIR.value,
        given,
        about,
        fine_tuning.Settings(epochs=_EPOCHS.value, learning_rate=_RATE.value, seed=_SEED.value),
        console.say,
        stages.track,
    )
    headers = ["recipe", "size kB", "compressed", "max difference", "same top-1 %", "accuracy %"]
    rows = [
        (
            name,
            result["size_bytes"] / 1000,
            result["compressed_size_bytes"] / 1000,
            result["max_abs_difference"],
            100 * result["top1_agreement"],
            100 * result["accuracy_tflite"],
        )
        for name, result in results.items()
    ]
    accuracy = 100 * next(iter(results.values()))["accuracy_keras"]
    count = len(given.test_labels)
    console.say(f"\n{console.table(headers, rows)}")
    console.say(f"Keras: {accuracy:.2f} % on {count:,} test images. In {_WORKDIR.value}.")
    for python in _OTHER_RUNTIMES.value:
        for name in results:
            found = other_runtime.record(
                python,
                exporting.tflite_path(_WORKDIR.value, name),
                exporting.parity_path(_WORKDIR.value, name),
                given.test_images[:_ELSEWHERE],
            )
            console.say(f"{name} in {found.runtime}: {found.summary}")


if __name__ == "__main__":
    console.run(main)
