"""Networks of `keras.applications` with random weights and moments, and ours with the same."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from nas.layers import keras_network
from nas.pretrained import keras_applications

RESOLUTION = 64


@pytest.fixture(scope="module", params=keras_applications.NAMES)
def application(request):
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    model = keras_applications.BUILDERS[request.param](
        input_shape=(RESOLUTION, RESOLUTION, 3), weights=None, classifier_activation=None
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            scale, variance = rng.uniform(0.5, 1.5, (2, count))
            offset, mean = rng.normal(0.0, 0.3, (2, count))
            layer.set_weights([scale, offset, mean, variance])
    return request.param, model


def test_our_network_computes_the_same(application):
    name, model = application
    weights = keras_applications.of_application(name, model)
    ours = keras_network.build_child(weights.child.with_task(1000, RESOLUTION))
    weights.apply_to(ours)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, RESOLUTION, RESOLUTION, 3))
    scaled = pixels / 127.5 - 1.0
    # Those of version 3 scale their pixels themselves.
    expected = model.predict(scaled if name == "mobilenet_v2" else pixels, verbose=0)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(ours.predict(scaled, verbose=0), expected, atol=1e-5)


def test_a_file_as_keras_publishes_them_is_read(application, tmp_path):
    name, model = application
    path = tmp_path / keras_applications.FILES[name]
    with h5py.File(path, "w") as file:
        # The format of the published files, which Keras 3 reads but no longer writes by itself.
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    expected = keras_applications.of_application(name, model)
    found = keras_applications.load(name, path)
    for ours, theirs in zip(found.arrays, expected.arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"{path}: expected the weights of {name} as keras"):
        keras_applications.load(name, path)


def test_another_network_is_refused(application):
    name, model = application
    other = "mobilenet_v3_small" if name != "mobilenet_v3_small" else "mobilenet_v2"
    with pytest.raises(ValueError, match=f"expected the weights of {other}"):
        keras_applications.of_application(other, model)
