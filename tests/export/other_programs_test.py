"""Exported files in programs that nobody here wrote: MediaPipe, and an old runtime."""

import json
import pathlib
import subprocess

import keras
import numpy as np
import pytest
from PIL import Image

from export import recipes, support, writing
from export.checks import app_preparation, interpreter, other_runtime
from export.content import metadata
from export.conversion import tflite
from export.examples import Examples
from nas.architecture import spaces
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv
from nas.architecture.specs import Child
from nas.data import batching, loading
from nas.data.images import decoding
from nas.layers import keras_network

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ENVIRONMENTS = pathlib.Path(__file__).resolve().parents[1] / "environments"
SPACE = spaces.SPACES["tiny"].with_task(10, resolution=28)
CHILDREN = {
    "mbconv": SPACE.child([1] * len(SPACE.slots), name="clothes"),
    "operations": Child(
        "clothes",
        28,
        10,
        Stem(8),
        (
            Block(MBConv(5, 2.5, "relu", se_ratio=0.5), 8, 8),
            Block(FusedMBConv(3, 2), 8, 16, 2),
            Block(UIB(3, 3, 2), 16, 16),
            Block(UIB(5, 0, 2, "relu"), 16, 24, 2),
            Block(UIB(0, 0, 2), 24, 24),
        ),
        Head(32, pooled_width=32),
    ),
    "hard_swish": Child(
        "clothes",
        28,
        10,
        Stem(8, activation="hard_swish"),
        (
            Block(MBConv(3, 2, "hard_swish"), 8, 16, 2),
            Block(FusedMBConv(3, 2, "hard_swish", se_ratio=0.25), 16, 16),
            Block(MBConv(5, 2, "hard_swish", se_ratio=0.25), 16, 16),
        ),
        Head(32, "hard_swish", pooled_width=32),
    ),
}
PLAIN = [name for name, row in recipes.RECIPES.items() if row.fine_tuning is None]
WRITTEN = [
    (kind, name)
    for kind in CHILDREN
    for name in PLAIN
    if kind != "hard_swish" or name not in support.UNSUPPORTED["hard_swish"]
]
# MediaPipe takes float32 and uint8.
SHOWN = [(kind, name) for kind, name in WRITTEN if name in ("float32", "int8_float_io", "uint8_io")]


@pytest.fixture(scope="module")
def clothes(fashion_data_dir):
    """Fashion-MNIST in colour, which is what MediaPipe takes."""
    return loading.load("fashion_mnist", fashion_data_dir, validation_size=100)


def in_colour(images):
    return np.stack([images[..., 0], 255 - images[..., 0], images[..., 0] // 2], axis=-1)


@pytest.fixture(scope="module")
def pixels(clothes):
    return in_colour(clothes.test.images)


@pytest.fixture(scope="module")
def images(pixels):
    return batching.to_float(pixels).numpy()


@pytest.fixture(scope="module")
def exported(clothes, images, tmp_path_factory):
    """Files of networks that have learned a little, by network and recipe."""
    training = batching.to_float(in_colour(clothes.train.images)).numpy()
    folder = tmp_path_factory.mktemp("exported")
    writers = {
        kind: writer_of(child, clothes, training, images) for kind, child in CHILDREN.items()
    }
    paths = {(kind, name): folder / f"{kind}_{name}.tflite" for kind, name in WRITTEN}
    for (kind, name), path in paths.items():
        path.write_bytes(writers[kind].write(recipes.recipe(name))[0])
    return paths


def writer_of(child, clothes, training, images):
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(child)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    # With noise, so that no answer hangs on a grey value: programs round pixels differently.
    noise = np.random.default_rng(0).normal(0.0, 0.2, training.shape).astype(np.float32)
    noisy, labels = np.concatenate([training, training + noise]), np.tile(clothes.train.labels, 2)
    model.fit(noisy, labels, batch_size=100, epochs=12, verbose=0)
    about = metadata.About("clothes", clothes.class_names, child)
    return writing.Writer(model, Examples(images, clothes.test.labels, training[:100]), about)


@pytest.fixture(scope="module")
def classify(environment, pixels, tmp_path_factory):
    """Runs MediaPipe's image classifier on the test images."""
    folder = tmp_path_factory.mktemp("mediapipe")

    def run(path, shown=pixels, *options):
        np.save(folder / "images.npy", shown)
        arguments = [str(path), str(folder / "images.npy"), str(folder / "result.json"), *options]
        script = str(ENVIRONMENTS / "classify_with_mediapipe.py")
        done = subprocess.run(
            [environment("mediapipe"), script, *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads((folder / "result.json").read_text())

    return run


@pytest.mark.parametrize(("kind", "name"), SHOWN)
def test_mediapipe_classifies_as_litert_does(classify, exported, images, clothes, kind, name):
    found = classify(exported[kind, name])
    logits = interpreter.predict(exported[kind, name].read_bytes(), images)
    best = logits.argmax(axis=1)
    assert len(set(best)) > 5
    assert [entry["index"] for entry in found["classes"]] == best.tolist()
    assert [entry["name"] for entry in found["classes"]] == [clothes.class_names[i] for i in best]
    scores = [entry["score"] for entry in found["classes"]]
    np.testing.assert_allclose(scores, logits.max(axis=1), atol=1e-4)


def test_mediapipe_is_as_accurate_on_the_frames_of_a_camera(classify, exported, pixels, clothes):
    path, labels = exported["mbconv", "float32"], clothes.test.labels
    # An odd number of columns lies beside the square, which begins at a whole pixel all the same.
    frames = np.random.default_rng(0).integers(0, 256, (len(pixels), 28, 51, 3), np.uint8)
    frames[:, :, 11:39] = pixels
    seen = decoding.resized(frames, 28)
    in_test = interpreter.predict(path.read_bytes(), batching.to_float(seen).numpy())
    in_test = np.mean(in_test.argmax(axis=1) == labels)

    def accuracy(*options):
        found = classify(path, frames, *options)["classes"]
        return np.mean([entry["index"] for entry in found] == labels)

    assert abs(accuracy("square") - in_test) <= 0.01
    assert accuracy() < in_test - 0.05


def test_mediapipe_is_as_accurate_on_prepared_photos(classify, exported, pixels, clothes):
    path, labels = exported["mbconv", "float32"], clothes.test.labels
    photos = np.random.default_rng(0).integers(0, 256, (len(pixels), 180, 320, 3), np.uint8)
    for photo, item in zip(photos, pixels, strict=True):
        photo[:, 70:250] = Image.fromarray(item).resize((180, 180), Image.Resampling.BICUBIC)
    seen = batching.to_float(decoding.resized(photos, 28)).numpy()
    in_test = np.mean(interpreter.predict(path.read_bytes(), seen).argmax(axis=1) == labels)
    shown = np.stack([app_preparation.prepared(Image.fromarray(photo), 28) for photo in photos])
    found = [entry["index"] for entry in classify(path, shown)["classes"]]
    assert abs(np.mean(found == labels) - in_test) <= 0.01


def test_mediapipe_reads_what_the_file_says_of_itself(classify, exported):
    found = classify(exported["mbconv", "float32"])["metadata"]
    assert found == {
        "name": "clothes",
        "description": "clothes, trained on clothes, written as float32",
        "files": ["child.json"],
        "mean_std": [[127.5, 127.5]],
        "color_space": 1,
        "output": "score type: logits of 10 classes; softmax makes probabilities of them",
        "labels": [["labels.txt", 2]],
    }
    assert classify(exported["mbconv", "uint8_io"])["metadata"]["mean_std"] == []


@pytest.mark.parametrize(("kind", "name"), WRITTEN)
def test_runtime_of_2023_computes_the_same(environment, exported, images, kind, name):
    path = exported[kind, name]
    logits = interpreter.predict(path.read_bytes(), images)
    found = other_runtime.check(environment("tflite_runtime"), path, images, logits)
    assert found.runtime == "tflite-runtime 2.14.0"
    assert found.loads, found.reason
    # Integer arithmetic is rounded in other places there.
    tolerance = 0.97 if "int8" in name or name in ("uint8_io", "dynamic_range") else 1.0
    assert found.top1_agreement >= tolerance


def test_runtime_that_lacks_an_operation_says_so(environment, exported, images, tmp_path):
    # Scales for every class of a dense layer: what dynamic_range avoids.
    inputs = keras.Input((28, 28, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(128, 1)(inputs))
    converter = tflite.tf.lite.TFLiteConverter.from_keras_model(
        keras.Model(inputs, keras.layers.Dense(10)(x))
    )
    converter.optimizations = [tflite.tf.lite.Optimize.DEFAULT]
    path = tmp_path / "new.tflite"
    path.write_bytes(converter.convert())
    found = other_runtime.check(environment("tflite_runtime"), path, images, np.zeros((300, 10)))
    assert not found.loads
    assert found.reason.startswith("model: tflite-runtime 2.14.0 cannot run it")
    assert "FULLY_CONNECTED" in found.reason
