import keras
import numpy as np
import pytest
import tensorflow as tf

from export import recipes
from export.checks import interpreter
from export.content import flatbuffer
from export.conversion import tflite
from nas.architecture import spaces
from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv
from nas.layers import keras_network
from nas.supernet import supernet

FLOAT32 = recipes.recipe("float32")
INT8 = recipes.recipe("int8")
TINY = spaces.SPACES["tiny"].child([0, 0, 0])


def small_model(layer=None):
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    return keras.Model(inputs, layer(x) if layer else x, name="small")


@pytest.mark.parametrize("recipe", [FLOAT32, INT8], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("part", ["stem", "block", "head"])
def test_parts_of_a_network_convert_alone(part, recipe):
    model = {
        "stem": lambda: keras_network.build_stem(TINY),
        "block": lambda: keras_network.build_block(Block(MBConv(5, 3), 8, 8), 16),
        "head": lambda: keras_network.build_head(TINY),
    }[part]()
    images = np.random.default_rng(0).uniform(-1, 1, (4, *model.input_shape[1:]))
    images = images.astype(np.float32)
    received = interpreter.predict(tflite.convert(model, recipe, images), images)
    expected = np.asarray(model(images, training=False))
    span = np.ptp(expected)
    tolerance = 1e-5 if recipe is FLOAT32 else 0.1
    np.testing.assert_allclose(received, expected, atol=tolerance * span)


def test_nothing_is_printed(capfd):
    tflite.convert(small_model(), INT8, np.zeros((2, 8, 8, 3), np.float32))
    assert capfd.readouterr() == ("", "")


def test_operation_that_is_not_built_in_is_named_in_one_line():
    with pytest.raises(ValueError, match="small: expected built-in .* received Erfinv") as caught:
        tflite.convert(small_model(keras.ops.erfinv), FLOAT32)
    assert "\n" not in str(caught.value)


def test_converter_output_stays_hidden_when_it_fails(capfd):
    with pytest.raises(ValueError, match="Erfinv"):
        tflite.convert(small_model(keras.ops.erfinv), FLOAT32)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_naming_the_layer(value):
    model = small_model(keras.layers.BatchNormalization(name="bn"))
    model.get_layer("bn").moving_variance.assign([1.0, value, 1.0, 1.0])
    with pytest.raises(ValueError, match="1 of 4 values of bn/moving_variance"):
        tflite.convert(model, FLOAT32)


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (None, "received none"),
        (np.zeros((0, 8, 8, 3), np.float32), r"received shape \[0, 8, 8, 3\]"),
        (np.zeros((2, 9, 8, 3), np.float32), r"received shape \[2, 9, 8, 3\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), "received uint8"),
        (np.full((2, 8, 8, 3), np.nan, np.float32), "received float32 with NaN"),
    ],
)
def test_unfit_calibration_images_are_refused(images, received):
    with pytest.raises(
        ValueError, match=rf"int8: expected calibration images \[count, 8, 8, 3\].*{received}"
    ):
        tflite.convert(small_model(), INT8, images)


def test_input_without_fixed_shape_is_refused():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.ReLU()(inputs), name="free")
    with pytest.raises(ValueError, match="free: expected an input of fixed shape"):
        tflite.convert(model, FLOAT32)


def test_supernet_instead_of_a_child_is_refused():
    with pytest.raises(ValueError, match="received Supernet; first derive a child"):
        tflite.convert(supernet.Supernet(spaces.SPACES["tiny"]), FLOAT32)


def test_dense_layers_quantized_on_the_fly_load_in_older_runtimes():
    inputs = keras.Input((64,))
    model = keras.Model(inputs, keras.layers.Dense(32)(inputs), name="dense")
    content = tflite.convert(model, recipes.recipe("dynamic_range"))
    assert flatbuffer.tensor_types(content)["int8"] == 1
    # A scale for every channel would need FULLY_CONNECTED version 12, of 2024.
    oldest = [int(part) for part in flatbuffer.oldest_runtime(content).split(".")]
    assert oldest < [2, 14, 0]


def test_depthwise_convolutions_stay_depthwise():
    model = keras_network.build_block(Block(MBConv(3, 1), 8, 16), 16)
    assert flatbuffer.operators(tflite.convert(model, FLOAT32)) == {
        "CONV_2D": 1,
        "DEPTHWISE_CONV_2D": 1,
    }


@pytest.mark.parametrize("recipe", [FLOAT32, INT8], ids=lambda recipe: recipe.name)
def test_residual_of_a_single_pixel_is_an_addition_alone(recipe):
    model = keras_network.build_block(Block(MBConv(3, 3), 8, 8), 1)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 1, 1, 8)).astype(np.float32)
    operators = flatbuffer.operators(tflite.convert(model, recipe, images))
    assert operators == {"ADD": 1, "CONV_2D": 2, "DEPTHWISE_CONV_2D": 1}


def test_flatbuffer_reports_custom_operators():
    converter = tf.lite.TFLiteConverter.from_keras_model(small_model(keras.ops.erfinv))
    converter.allow_custom_ops = True
    content = converter.convert()
    assert flatbuffer.custom_operators(content) == ["Erfinv"]


def test_oldest_runtime_is_what_the_converter_noted():
    assert flatbuffer.oldest_runtime(tflite.convert(small_model(), FLOAT32)) == "1.5.0"


def test_activations_of_int16_need_the_release_that_brought_them():
    images = np.zeros((2, 8, 8, 3), np.float32)
    content = tflite.convert(small_model(), recipes.recipe("int16x8"), images)
    assert flatbuffer.oldest_runtime(content) == "2.4.0"


def test_recipes_share_a_graph_that_follows_the_weights_and_changes_no_byte():
    model = keras_network.build_block(Block(MBConv(3, 2), 8, 8), 6)
    images = np.random.default_rng(0).uniform(-1, 1, (4, *model.input_shape[1:]))
    images = images.astype(np.float32)
    rows = [recipes.recipe(name) for name in ("float32", "float16", "int8")]

    def written(is_shared):
        found = []
        for recipe in rows:
            if not is_shared:
                tflite._trace.cache_clear()
            found.append(tflite.convert(model, recipe, images))
        return found

    first = written(True)
    assert tflite._trace.cache_info().hits >= len(rows) - 1
    assert first == written(False)
    model.set_weights([0.5 * weight for weight in model.get_weights()])
    after = written(True)
    assert all(one != other for one, other in zip(first, after, strict=True))
    assert after == written(False)
