import pathlib
import sys

import keras
import numpy as np
import pytest

from export import recipes
from export.checks import interpreter, other_runtime
from export.conversion import tflite

IMAGES = np.random.default_rng(0).uniform(-1, 1, (20, 4, 4, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(5)(x), name="linear")
    path = tmp_path_factory.mktemp("model") / "linear.tflite"
    path.write_bytes(tflite.convert(model, recipes.recipe("float32")))
    return path


def test_same_runtime_in_another_process_computes_the_same(path):
    logits = interpreter.predict(path.read_bytes(), IMAGES)
    found = other_runtime.check(sys.executable, path, IMAGES, logits)
    assert found == other_runtime.Check(interpreter.runtime(), True, "", 1.0, 0.0)


def test_runtime_is_named_without_a_file():
    assert other_runtime.runtime_of(sys.executable) == interpreter.runtime()


def test_python_is_found_from_the_folder_one_stands_in(tmp_path, monkeypatch):
    (tmp_path / "env").symlink_to(sys.prefix)
    monkeypatch.chdir(tmp_path)
    python = pathlib.Path("env", pathlib.Path(sys.executable).relative_to(sys.prefix))
    assert other_runtime.runtime_of(python) == interpreter.runtime()


def test_differences_are_reported(path):
    logits = interpreter.predict(path.read_bytes(), IMAGES)
    logits[:5] = np.roll(logits[:5], 1, axis=1)
    found = other_runtime.check(sys.executable, path, IMAGES, logits)
    assert found.top1_agreement == 0.75
    assert found.max_abs_difference > 0


def test_file_that_does_not_load_is_reported_with_the_reason(path, tmp_path):
    half = tmp_path / "half.tflite"
    half.write_bytes(path.read_bytes()[:200])
    found = other_runtime.check(sys.executable, half, IMAGES, np.zeros((20, 5)))
    assert not found.loads
    assert "expected a complete .tflite file" in found.reason


def test_python_that_is_none_or_has_no_runtime_is_refused(path, tmp_path):
    with pytest.raises(ValueError, match="nowhere: expected a Python"):
        other_runtime.check(tmp_path / "nowhere", path, IMAGES, np.zeros((20, 5)))
    with pytest.raises(ValueError, match="expected a Python with tflite-runtime or ai-edge-litert"):
        other_runtime.check("/bin/true", path, IMAGES, np.zeros((20, 5)))
