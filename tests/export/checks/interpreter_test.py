import threading

import keras
import numpy as np
import pytest

from export import recipes
from export.checks import interpreter
from export.conversion import tflite
from nas.architecture import spaces
from nas.layers import keras_network

SPACE = spaces.SPACES["tiny"]
IMAGES = np.random.default_rng(0).uniform(-1, 1, (33, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras_network.build_child(SPACE.child([1, 1, 1]))


@pytest.fixture(scope="module")
def content(model):
    return tflite.convert(model, recipes.recipe("float32"))


def test_runtime_is_named_with_its_version():
    name, version = interpreter.runtime().split()
    assert name == "ai-edge-litert"
    assert version[0].isdigit()


def test_predictions_come_in_the_order_of_the_images(model, content):
    expected = np.asarray(model(IMAGES, training=False))
    np.testing.assert_allclose(interpreter.predict(content, IMAGES), expected, atol=1e-6)


@pytest.mark.parametrize("num_workers", [1, 2, 5, 100])
def test_number_of_workers_changes_nothing(content, num_workers):
    expected = interpreter.predict(content, IMAGES)
    np.testing.assert_array_equal(
        interpreter.predict(content, IMAGES, num_workers=num_workers), expected
    )


def test_every_core_has_a_worker_with_an_interpreter_of_its_own(content, monkeypatch):
    loaded, threads = [], set()
    load, run = interpreter.load, interpreter._run

    def counted(content):
        loaded.append(load(content))
        return loaded[-1]

    # Nobody goes on before all have begun: with fewer at a time, this would wait for ever.
    together = threading.Barrier(3, timeout=60)

    def noted(*arguments):
        threads.add(threading.get_ident())
        together.wait()
        return run(*arguments)

    monkeypatch.setattr(interpreter, "_num_cores", lambda: 3)
    monkeypatch.setattr(interpreter, "load", counted)
    monkeypatch.setattr(interpreter, "_run", noted)
    interpreter.predict(content, IMAGES)
    assert len(loaded) == len(threads) == 3


def test_no_images_give_no_logits(content):
    assert interpreter.predict(content, IMAGES[:0]).shape == (0, 10)


def test_images_of_another_shape_are_refused(content):
    with pytest.raises(ValueError, match=r"expected shape \[count, 32, 32, 3\], received \[2, 8"):
        interpreter.predict(content, np.zeros((2, 8, 8, 3), np.float32))


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_truncated_file_is_refused_in_one_line(content, fraction, capfd):
    with pytest.raises(ValueError, match=r"model: expected a .*\.tflite file") as caught:
        interpreter.load(content[: int(fraction * len(content))])
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused_with_their_path(tmp_path):
    path = tmp_path / "notes.tflite"
    with pytest.raises(ValueError, match=r"notes\.tflite: expected a .tflite file, found none"):
        interpreter.load(path)
    path.write_text("no network in here")
    with pytest.raises(ValueError, match=r"notes\.tflite: expected a \.tflite file"):
        interpreter.load(path)


def test_file_on_disk_loads_without_a_word(content, tmp_path, capfd):
    path = tmp_path / "child.tflite"
    path.write_bytes(content)
    assert interpreter.load(path, num_threads=2).get_output_details()[0]["shape"][1] == 10
    assert capfd.readouterr() == ("", "")


def test_quantize_rounds_and_saturates():
    tensor = {"dtype": np.int8, "quantization": (0.5, 3)}
    values = np.array([0.0, 0.5, -0.5, 0.7, 1000.0, -1000.0], np.float32)
    assert interpreter.quantize(values, tensor).tolist() == [3, 4, 2, 4, 127, -128]


def test_dequantize_undoes_quantize():
    tensor = {"dtype": np.uint8, "quantization": (0.25, 128)}
    values = np.array([0.0, 0.25, -3.0], np.float32)
    back = interpreter.dequantize(interpreter.quantize(values, tensor), tensor)
    np.testing.assert_array_equal(back, values)
    assert back.dtype == np.float32
