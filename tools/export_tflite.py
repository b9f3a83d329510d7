"""Exports a trained network as `.tflite` files and compares each with the Keras network.

    python -m tools.export_tflite --model=runs/quick/child.keras --recipes=float32,int8 \
        --dataset=cifar10 --workdir=runs/quick

Each recipe writes `child_<recipe>.tflite` and `parity_<recipe>.json`. Files that were already made
from the same network and images are kept. Training leaves a `child.json` beside the model; it goes
into the files, and the recipes that train further (`int8_qat`, `sparse`, `sparse_int8`,
`clustered`) need it. docs/android.md shows how to use the files in an app.

`--model` may also name a published network. It is then exported with random weights, to learn its
size and latency, and `child.keras` goes into the work dir too:

    python -m tools.export_tflite --model=proxyless_mobile --recipes=int8 \
        --dataset=folder:photos --resolution=224 --max_test_images=500 --workdir=runs/mobile
"""

import pathlib

from absl import flags

from export import recipes
from tools.flags import data_flags, fine_tuning_flags
from tools.terminal import console, idle_flags

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "The trained network, a .keras file; or the name of a published network, untrained.",
    required=True,
)
_RECIPES = flags.DEFINE_list(
    "recipes",
    ["float32", "float16", "dynamic_range", "int8"],
    "Recipes to export, separated by commas.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed for the calibration images.", lower_bound=0)
_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size",
    5000,
    "Training images that the search held out; calibration does not use them.",
    lower_bound=0,
)
_MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples",
    0,
    "Number of training images to use, without the held-out ones; 0 is all.",
    lower_bound=0,
)
_CALIBRATION = flags.DEFINE_integer(
    "calibration_images", 500, "Number of images to calibrate int8 on.", lower_bound=1
)
_MAX_TEST = flags.DEFINE_integer(
    "max_test_images", 0, "Number of test images to compare on; 0 is all.", lower_bound=0
)
_MEASURE = flags.DEFINE_bool(
    "measure",
    True,
    "Time each file on this machine with one thread; for phones use tools.benchmark.",
)
_OTHER_RUNTIMES = flags.DEFINE_list(
    "other_runtimes",
    [],
    "Python executables of environments that have numpy and another tflite-runtime or "
    "ai-edge-litert; each file runs there too.",
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)

# Number of images that run in other runtimes.
_ELSEWHERE = 500


def main() -> None:
    """Exports the network and prints one row per recipe."""
    wanted = [recipes.recipe(name) for name in _RECIPES.value]
    if not wanted:
        raise ValueError(f"recipes: expected some of {', '.join(recipes.RECIPES)}; received none")
    fine_tuning_flags.check(any(recipe.fine_tuning for recipe in wanted))
    idle_flags.check(
        idle_flags.Rule(
            ["calibration_images"],
            any(recipe.needs_calibration for recipe in wanted),
            "with a recipe that is calibrated, such as int8",
            f"it with {', '.join(_RECIPES.value)}",
        )
    )
    # TensorFlow takes seconds to import. Report a bad flag before that.
    import latency_models
    from export import examples, exporting, untrained
    from export.checks import other_runtime
    from export.conversion import tflite
    from export.fine_tuning import jobs
    from nas import class_scores
    from nas.architecture import spaces
    from nas.data import loading
    from tools.terminal import export_table
    from tools.workflow import exported_files, stages

    for python in _OTHER_RUNTIMES.value:
        other_runtime.runtime_of(python)
    path = _MODEL.value
    published = spaces.PUBLISHED_CHILDREN.get(path)
    model = None if published else exporting.load_model(path)
    size = published.resolution if published else None
    own_size = None if published else tflite.input_shape(model)[0]
    dataset = loading.load(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        validation_size=_VALIDATION_SIZE.value,
        seed=_SEED.value,
        max_train_examples=_MAX_TRAIN.value,
        images=data_flags.options(size, own_size),
        track=stages.track,
        report=console.say,
    )
    if model is None:
        path = untrained.write(path, dataset, _WORKDIR.value, _SEED.value)
        console.say(f"{_MODEL.value} has random weights: its accuracy means nothing")
    else:
        exporting.check_task(model, dataset.input_shape, dataset.num_classes)
    given = examples.from_dataset(dataset, _SEED.value, _CALIBRATION.value, _MAX_TEST.value)
    about = exporting.describe(path, dataset)
    if about.child is None:
        console.say("no child.json beside the model: the files will not contain the architecture")
    results = exporting.export(
        path,
        [recipe.name for recipe in wanted],
        _WORKDIR.value,
        given,
        about,
        jobs.Settings(**fine_tuning_flags.settings(), seed=_SEED.value),
        console.say,
        stages.track,
    )
    names = list(results)
    untimed = [name for name in names if "latency_ms" not in results[name]]
    if _MEASURE.value and untimed:
        exported_files.time_exports(
            untimed, latency_models.device("local"), pathlib.Path(_WORKDIR.value)
        )
        results = {name: exporting.comparison(_WORKDIR.value, name) for name in names}
    accuracy = 100 * results[names[0]]["accuracy_keras"]
    count = len(given.test_labels)
    console.say(f"\n{export_table.table(results)}")
    console.say(f"Keras: {accuracy:.2f} % on {count:,} test images. Files in {_WORKDIR.value}.")
    if results[names[0]].get("by_class_keras"):
        console.say(f"Keras: {class_scores.sentence(results[names[0]]['by_class_keras'])}.")
    told = [line for name in names if (line := export_table.in_app(results[name]))]
    for line in [*told, *export_table.remarks(results)]:
        console.say(line)
    for python in _OTHER_RUNTIMES.value:
        for name in names:
            found = other_runtime.record(
                python,
                exporting.tflite_path(_WORKDIR.value, name),
                exporting.parity_path(_WORKDIR.value, name),
                given.test_images[:_ELSEWHERE],
            )
            console.say(f"{name} in {found.runtime}: {found.summary}")


if __name__ == "__main__":
    console.run(main)
