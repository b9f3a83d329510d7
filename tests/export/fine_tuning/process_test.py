"""Training further in the tf_keras twin, with the real toolkit, in its own process."""

import contextlib
import dataclasses
import multiprocessing
import os
import subprocess
import sys

import forked_training
import keras
import numpy as np
import pytest

from export import exporting, recipes
from export.checks import interpreter, other_runtime
from export.content import flatbuffer, footprint, packaging
from export.conversion import tflite
from export.examples import Examples
from export.fine_tuning import jobs, process
from nas import files
from nas.architecture import spaces, spec_json
from nas.data import batching, loading
from nas.layers import keras_network

SPACE = spaces.SPACES["tiny"].with_task(10, resolution=28, input_channels=1)
CHILD = SPACE.child([1] * len(SPACE.slots))
# Mild, since so few steps repair little.
SETTINGS = jobs.Settings(epochs=2, batch_size=50, sparsity=0.2, clusters=16)
# Each training is a process that imports TensorFlow anew.
pytestmark = pytest.mark.timeout(900)
integration = pytest.mark.integration
TRAINED_FURTHER = [name for name, row in recipes.RECIPES.items() if row.fine_tuning]

# Computes the logits of the twin in a separate process, as `export.fine_tuning.process` does.
TWIN_LOGITS = """
import sys
import keras, numpy as np
from export.fine_tuning import jobs, twin
from nas.architecture import spaces
model = keras.saving.load_model(sys.argv[1] + "/child.keras", compile=False)
weights = {layer.name: layer.get_weights() for layer in model.layers}
child = spaces.load_child(sys.argv[1] + "/child.json")
images = np.load(sys.argv[1] + "/images.npy")
job = jobs.Job(None, child, weights, None, images, jobs.Settings())
twin_model = twin.build(job)
copied = {layer.name: layer.get_weights() for layer in twin_model.layers}
for name, arrays in weights.items():
    for one, other in zip(arrays, copied[name], strict=True):
        np.testing.assert_array_equal(one, other)
print(type(twin_model).__module__.split(".")[0])
np.save(sys.argv[1] + "/logits.npy", twin_model(images, training=False).numpy())
"""


@pytest.fixture(scope="module")
def clothes(fashion_data_dir):
    return loading.load("fashion_mnist", fashion_data_dir, validation_size=100)


@pytest.fixture(scope="module")
def workdir(clothes, tmp_path_factory):
    """A network that has learned a little, with its description."""
    path = tmp_path_factory.mktemp("work")
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(CHILD)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    model.fit(
        batching.to_float(clothes.train.images).numpy(),
        clothes.train.labels,
        batch_size=50,
        epochs=4,
        verbose=0,
    )
    model.save(path / "child.keras")
    files.write_json(path / "child.json", spec_json.to_dict(CHILD))
    return path


def export(workdir, clothes, names, out, **more):
    examples = Examples(
        batching.to_float(clothes.test.images).numpy(),
        clothes.test.labels,
        batching.calibration_images(clothes.train, 100),
        clothes.train_and_validation,
    )
    about = exporting.describe(workdir / "child.keras", clothes)
    return exporting.export(workdir / "child.keras", names, out, examples, about, SETTINGS, **more)


@pytest.fixture(scope="module")
def labels_of_trainings():
    return []


@pytest.fixture(scope="module")
def exported(workdir, clothes, labels_of_trainings, tmp_path_factory):
    """Every recipe that trains further: its folder and the comparisons."""

    def track(iterable, total, label):
        labels_of_trainings.append(label)
        count = 0
        for item in iterable:
            count += 1
            yield item
        assert count == total == 2 * 1000 // 50

    out = tmp_path_factory.mktemp("exported")
    with forked_training.forked():
        return out, export(workdir, clothes, TRAINED_FURTHER, out, track=track)


def content_of(exported, name):
    return exporting.tflite_path(exported[0], name).read_bytes()


def test_settings_are_checked_and_told_by_kind():
    settings = jobs.Settings(clusters=8, sparsity=0.25)
    assert settings.to_dict("pruning")["sparsity"] == 0.25
    assert settings.to_dict("clustering")["clusters"] == 8
    for kind, foreign in (("pruning", "clusters"), ("clustering", "sparsity")):
        assert foreign not in settings.to_dict(kind)
    assert not {"clusters", "sparsity"} & settings.to_dict("quantization").keys()
    with pytest.raises(ValueError, match="epochs: expected at least 1, received 0"):
        jobs.Settings(epochs=0)


@integration
def test_fewer_images_than_a_step_takes_are_refused_before_any_work(workdir, clothes, tmp_path):
    examples = Examples(np.zeros((1, 28, 28, 1), np.float32), np.zeros(1), None, clothes.validation)
    about = exporting.describe(workdir / "child.keras", clothes)
    with pytest.raises(ValueError, match="batch_size: expected 1 to 100 .* received 101"):
        exporting.export(
            workdir / "child.keras",
            ["float32", "sparse"],
            tmp_path,
            examples,
            about,
            jobs.Settings(batch_size=101),
        )
    assert list(tmp_path.iterdir()) == []


def test_figures_are_counted_in_kernels_alone():
    weights = {
        "conv": [np.array([[0.0, 0.0, 0.0, 1.0], [2.0, 3.0, 0.0, 1.0]]), np.zeros(4)],
        "bn": [np.zeros(4)] * 4,
        "relu": [],
        "dense": [np.ones((4, 2)), np.zeros(2)],
    }
    assert jobs.figures("pruning", weights) == {"zero_weights": 4 / 16}
    assert jobs.figures("clustering", weights) == {"distinct_weights_in_a_kernel": 4}
    assert jobs.figures("quantization", weights) == {}


@integration
def test_twin_has_the_weights_and_computes_the_same(workdir, clothes):
    images = batching.to_float(clothes.test.images[:100]).numpy()
    np.save(workdir / "images.npy", images)
    done = subprocess.run(
        [sys.executable, "-c", TWIN_LOGITS, str(workdir)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["tf_keras"]
    model = exporting.load_model(workdir / "child.keras")
    expected = np.asarray(model(images, training=False))
    received = np.load(workdir / "logits.npy")
    np.testing.assert_allclose(received, expected, atol=1e-5 * np.abs(expected).max())


@integration
def test_each_kind_of_training_is_done_once(exported, labels_of_trainings):
    assert sorted(labels_of_trainings) == [
        "clustering",
        "float, for comparison",
        "pruning",
        "quantization-aware training",
    ]


@integration
@pytest.mark.parametrize("name", TRAINED_FURTHER)
def test_files_hold_what_the_recipe_says(exported, name):
    recipe, content = recipes.recipe(name), content_of(exported, name)
    assert flatbuffer.operators(content) == footprint.fewest_operators(CHILD, recipe)
    assert sorted(flatbuffer.operator_codes(content)) == list(flatbuffer.operators(content))
    loaded = interpreter.load(content)
    for tensor in (*loaded.get_input_details(), *loaded.get_output_details()):
        assert tensor["dtype"] == np.dtype(recipe.interface)
    types = flatbuffer.tensor_types(content)
    assert ("int8" in types) == (recipe.weights == "int8")
    assert ("float32" in types) == (recipe.weights == "float32")


@integration
def test_tensors_are_named_after_the_layers_of_the_child(exported):
    names = flatbuffer.tensor_names(content_of(exported, "int8_qat"), "int8")
    assert {"image", "logits", "stem_conv", "stem_relu", "pool"} <= set(names)
    assert not [name for name in names if name.startswith("quant")]


@integration
def test_quantization_aware_network_takes_pixels(exported, clothes):
    (given,) = interpreter.load(content_of(exported, "int8_qat")).get_input_details()
    images = batching.to_float(clothes.test.images[:20]).numpy()
    expected = clothes.test.images[:20].astype(int) - 128
    np.testing.assert_array_equal(interpreter.quantize(images, given), expected)


@integration
def test_comparisons_say_what_the_training_did(exported):
    _, results = exported
    tuned = {name: result["fine_tuning"] for name, result in results.items()}
    for entry in tuned.values():
        assert entry["settings"]["epochs"] == 2
        assert entry["accuracy_parent"] == tuned["sparse"]["accuracy_parent"] > 0.3
    # A fifth of the weights, but depthwise kernels, many in so small a network, keep all of theirs.
    assert 0.1 < tuned["sparse"]["figures"]["zero_weights"] < 0.2
    assert tuned["sparse_int8"]["figures"] == tuned["sparse"]["figures"]
    assert 1 < tuned["clustered"]["figures"]["distinct_weights_in_a_kernel"] <= 16
    sizes = {name: result["compressed_size_bytes"] for name, result in results.items()}
    assert sizes["clustered"] < sizes["sparse"]
    assert results["sparse"]["top1_agreement"] == 1.0


@integration
@pytest.mark.parametrize("name", TRAINED_FURTHER)
def test_runtime_of_2023_computes_the_same(environment, exported, clothes, name):
    path = exporting.tflite_path(exported[0], name)
    images = batching.to_float(clothes.test.images).numpy()
    logits = interpreter.predict(path.read_bytes(), images)
    found = other_runtime.check(environment("tflite_runtime"), path, images, logits)
    assert found.runtime == "tflite-runtime 2.14.0"
    assert found.loads, found.reason
    # Integer arithmetic is rounded in other places there.
    assert found.top1_agreement >= (0.97 if "int8" in name else 1.0)


@integration
@pytest.mark.parametrize(
    ("kind", "name"),
    [("quantization", "int8_qat"), ("pruning", "sparse"), ("clustering", "clustered")],
)
def test_same_child_gives_the_same_bytes(exported, workdir, clothes, kind, name, monkeypatch):
    # Whatever the user has set for the program itself.
    other = "0" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1" else "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", other)
    model = exporting.load_model(workdir / "child.keras")
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    images = batching.to_float(clothes.test.images[:10]).numpy()
    training = clothes.train_and_validation
    job = jobs.Job(kind, CHILD, weights, training, images, SETTINGS)
    # One kind in a new process, as users train; the others in forks.
    forked = contextlib.nullcontext() if kind == "quantization" else forked_training.forked()
    with forked:
        outcome = process.run(job)
    if isinstance(outcome, jobs.QuantizedFile):
        content = outcome.content
    else:
        for layer in model.layers:
            layer.set_weights(outcome.by_layer[layer.name])
        content = tflite.convert(model, recipes.recipe(name))
    about = exporting.describe(workdir / "child.keras", clothes)
    assert packaging.package(content, model.name, name, about) == content_of(exported, name)


@integration
def test_this_process_keeps_its_keras(exported):
    import tensorflow as tf

    assert "tensorflow_model_optimization" not in sys.modules
    assert tf.keras.__version__.startswith("3.")
    assert os.environ.get("TF_USE_LEGACY_KERAS") is None


@integration
def test_training_that_diverges_ends_in_one_line(workdir, clothes, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules[__name__], "SETTINGS", dataclasses.replace(SETTINGS, learning_rate=1e12)
    )
    diverged = pytest.raises(ValueError, match="training diverged; use a smaller learning rate")
    with forked_training.forked(), diverged:
        export(workdir, clothes, ["sparse"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@integration
def test_death_of_the_process_is_told(workdir, clothes, tmp_path):
    def track(iterable, total, label):
        for item in iterable:
            multiprocessing.active_children()[0].kill()
            yield item

    ended = pytest.raises(ChildProcessError, match="ended with exit code -9")
    with forked_training.forked(), ended:
        export(workdir, clothes, ["sparse"], tmp_path, track=track)
    assert list(tmp_path.iterdir()) == []
