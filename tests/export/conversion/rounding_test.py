import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export import recipes
from export.checks import parity
from export.conversion import rounding, tflite
from nas.architecture import spaces
from nas.layers import keras_network
from nas.training import recalibration

FLOAT16 = recipes.recipe("float16")
CHILD = spaces.SPACES["tiny"].child([1, 1, 1])
IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, *CHILD.input_shape)).astype(np.float32)
LABELS = np.zeros(64, int)


@pytest.fixture(scope="module")
def model():
    """Every weight, scale, offset and moment is a number with all its digits."""
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(CHILD)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([w + rng.uniform(0.1, 0.3, w.shape) for w in layer.get_weights()])
    recalibration.recalibrate(model, [IMAGES])
    return model


@pytest.fixture(scope="module")
def content(model):
    return tflite.convert(model, FLOAT16)


def halves(content):
    """The float16 constants of a file, by their bytes."""
    file = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = file.subgraphs
    wanted = [t for t in graph.tensors if t.type == schema.TensorType.FLOAT16]
    return sorted(file.buffers[tensor.buffer].data.tobytes() for tensor in wanted)


def weights_of(model):
    """What a folded network multiplies by and adds, each kernel as a file stores it."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            yield layer.beta.numpy()
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            yield layer.kernel.numpy()
        elif layer.weights:
            kernel, *bias = layer.get_weights()
            yield from (np.moveaxis(kernel, -1, 0), *bias)


def test_weights_are_those_of_the_file_to_the_last_bit(model, content):
    rounded = rounding.to_float16(model)
    expected = [np.ascontiguousarray(w, np.float16).tobytes() for w in weights_of(rounded)]
    assert halves(content) == sorted(expected)
    for weight in weights_of(rounded):
        np.testing.assert_array_equal(weight, weight.astype(np.float16))


def test_the_file_computes_what_the_rounded_network_does_and_the_network_is_elsewhere(
    model, content
):
    logits = parity.logits_of(model, IMAGES)
    held = parity.logits_of(rounding.to_float16(model), IMAGES)
    result = parity.compare(content, FLOAT16, IMAGES, LABELS, logits, held_logits=held)
    largest = np.abs(logits).max()
    assert result.max_unexplained_difference < 1e-5 * largest
    assert result.max_abs_difference > 1e-4 * largest


def test_the_network_itself_is_left_as_it_is(model):
    before = model.get_weights()
    rounding.to_float16(model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_fault_far_smaller_than_the_rounding_is_found(model, content):
    logits = parity.logits_of(model, IMAGES)
    rounded = rounding.to_float16(model)
    kernel, bias = rounded.get_layer("logits").get_weights()
    bias[0] += 2e-4 * np.abs(logits).max()
    rounded.get_layer("logits").set_weights([kernel, bias])
    held = parity.logits_of(rounded, IMAGES)
    with pytest.raises(
        parity.ParityError, match="from the network with the same rounded weights .* 0.0001"
    ):
        parity.compare(content, FLOAT16, IMAGES, LABELS, logits, held_logits=held)


def test_weights_beyond_float16_fail_in_words(model, content):
    large = keras.models.clone_model(model)
    large.set_weights(model.get_weights())
    kernel, bias = large.get_layer("logits").get_weights()
    large.get_layer("logits").set_weights([kernel * 1e6, bias])
    held = parity.logits_of(rounding.to_float16(large), IMAGES)
    logits = parity.logits_of(model, IMAGES)
    with pytest.raises(parity.ParityError, match="logits of the rounded network are not all fin"):
        parity.compare(content, FLOAT16, IMAGES, LABELS, logits, held_logits=held)


def convolution(x, **options):
    return keras.layers.Conv2D(4, 1, **options)(x)


def normalization(x, **options):
    return keras.layers.BatchNormalization(**options)(x)


def nested(x):
    inner = keras.Input(x.shape[1:])
    return keras.Model(inner, convolution(inner))(x)


def shared(x):
    x = convolution(x, use_bias=False)
    return keras.layers.Add()([x, normalization(x)])


@pytest.mark.parametrize(
    "body",
    [
        normalization,
        nested,
        shared,
        lambda x: normalization(convolution(x)),
        lambda x: normalization(convolution(x, use_bias=False, activation="relu")),
        lambda x: normalization(convolution(x, use_bias=False), scale=False),
    ],
    ids=["nothing before", "nested", "shared", "bias", "activation", "no scale"],
)
def test_what_the_converter_folds_in_ways_of_its_own_is_not_foretold(body):
    inputs = keras.Input((4, 4, 3))
    assert rounding.to_float16(keras.Model(inputs, body(inputs))) is None
