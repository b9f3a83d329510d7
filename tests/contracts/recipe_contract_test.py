"""Tests that every recipe must pass, on a child of the `tiny` space.

Recipes that fine-tune are tested in `tests/export/fine_tuning/process_test.py`.
"""

import collections
import dataclasses

import keras
import numpy as np
import pytest

from export import recipes
from export.checks import interpreter, parity
from export.content import flatbuffer, footprint, packaging
from export.content.metadata import About
from export.conversion import tflite
from nas.architecture import spaces
from nas.layers import keras_network

SPACE = spaces.SPACES["tiny"]
# Dynamic-range quantization needs a weight of at least 1024 values, so the head is wide.
CHILD = dataclasses.replace(
    SPACE.child([1] * len(SPACE.slots)),
    head=dataclasses.replace(SPACE.head, width=128),
)
ABOUT = About("noise", tuple(f"class {i}" for i in range(CHILD.num_classes)), CHILD)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (64, *CHILD.input_shape))
PIXELS[0, 0, 0], PIXELS[0, 0, 1] = 0, 255
IMAGES = (PIXELS / 127.5 - 1.0).astype(np.float32)
LABELS = RNG.integers(0, CHILD.num_classes, 64)

# One operator per layer: none is left for batch normalization, activations or shapes.
STAGES = [stage for block in CHILD.layers for stage in block.stages]
OWN = collections.Counter(name for stage in STAGES for name in stage.own_operators)
MINIMUM = {
    "ADD": sum(block.has_residual for block in CHILD.layers),
    "CONV_2D": 2 + OWN["CONV_2D"],
    "DEPTHWISE_CONV_2D": OWN["DEPTHWISE_CONV_2D"],
    "FULLY_CONNECTED": 1,
    "MEAN": 1,
}
NUM_WEIGHTED = MINIMUM["CONV_2D"] + MINIMUM["DEPTHWISE_CONV_2D"] + MINIMUM["FULLY_CONNECTED"]
# One operator per weight and bias converts float16 to float32; runtimes do it when they load.
CONVERSIONS = {
    "float16": {"DEQUANTIZE": 2 * NUM_WEIGHTED},
    "uint8_io": {"QUANTIZE": 2},
    "int8_float_io": {"QUANTIZE": 1, "DEQUANTIZE": 1},
    "int16x8": {"QUANTIZE": 1, "DEQUANTIZE": 1},
}
INTERFACES = {"int8": np.int8, "uint8_io": np.uint8}
RECIPES = [row for row in recipes.RECIPES.values() if row.fine_tuning is None]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(CHILD)
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel, RNG.normal(0, 0.1, bias.shape)])
    for _ in range(5):
        model(IMAGES[:32] * 2 + 0.5, training=True)
    return model


def write(model, recipe):
    content = tflite.convert(model, recipe, IMAGES)
    return packaging.package(content, model.name, recipe.name, ABOUT)


@pytest.fixture(scope="module")
def contents(model):
    return {row.name: write(model, row) for row in RECIPES}


@pytest.fixture(params=RECIPES, ids=lambda row: row.name)
def recipe(request):
    return request.param


def test_keys_are_the_names():
    assert [row.name for row in recipes.RECIPES.values()] == list(recipes.RECIPES)


def test_file_computes_what_the_network_computes(model, contents, recipe):
    logits = parity.logits_of(model, IMAGES)
    result = parity.compare(contents[recipe.name], recipe, IMAGES, LABELS, logits)
    assert result.recipe == recipe.name
    assert result.mean_abs_difference < 0.05 * result.max_abs_logit


def test_float32_names_the_same_classes(model, contents):
    logits = parity.logits_of(model, IMAGES)
    result = parity.compare(contents["float32"], recipes.recipe("float32"), IMAGES, LABELS, logits)
    assert result.top1_agreement == 1.0
    assert result.max_abs_difference < 1e-4 * result.max_abs_logit


def test_rebuilt_network_gives_the_same_bytes(model, contents, recipe):
    twin = keras_network.build_child(CHILD)
    twin.set_weights(model.get_weights())
    assert write(twin, recipe) == contents[recipe.name]


def test_operations_are_the_fewest_possible(contents, recipe):
    expected = MINIMUM | CONVERSIONS.get(recipe.name, {})
    assert flatbuffer.operators(contents[recipe.name]) == expected
    assert footprint.fewest_operators(CHILD, recipe) == expected


def test_input_and_output_types(contents, recipe):
    loaded = interpreter.load(contents[recipe.name])
    expected = INTERFACES.get(recipe.name, np.float32)
    assert loaded.get_input_details()[0]["dtype"] == expected
    assert loaded.get_output_details()[0]["dtype"] == expected
    assert tuple(loaded.get_input_details()[0]["shape"]) == (1, *CHILD.input_shape)


@pytest.mark.parametrize(("name", "offset"), [("uint8_io", 0), ("int8", -128)])
def test_integer_inputs_are_the_pixels_themselves(contents, name, offset):
    (given,) = interpreter.load(contents[name]).get_input_details()
    np.testing.assert_array_equal(interpreter.quantize(IMAGES, given), PIXELS + offset)


def test_weights_are_int8_exactly_where_the_recipe_says_so(contents, recipe):
    types = flatbuffer.tensor_types(contents[recipe.name])
    assert ("int8" in types) == recipe.quantizes_weights


def test_tensors_between_operations_have_the_type_the_recipe_says(contents, recipe):
    names = flatbuffer.tensor_names(contents[recipe.name], recipe.activations)
    assert {"stem_relu", "head_relu", "pool"} <= set(names)


@pytest.mark.parametrize("name", ["int8", "uint8_io"])
def test_integer_files_leave_no_float_tensor(contents, name):
    assert "float32" not in flatbuffer.tensor_types(contents[name])


def test_calibration_images_are_asked_for_exactly_where_needed(model, recipe):
    if recipe.needs_calibration:
        with pytest.raises(ValueError, match="expected calibration images"):
            tflite.convert(model, recipe)
    else:
        assert interpreter.load(tflite.convert(model, recipe)) is not None


def test_smaller_types_give_smaller_files(contents):
    sizes = {name: len(content) for name, content in contents.items()}
    largest = max(sizes.values())
    assert [n for n, size in sizes.items() if size == largest][0] == "float32"
    assert sizes["float16"] < sizes["float32"]


def test_calibration_reaches_the_int8_file(model, contents):
    other = tflite.convert(model, recipes.recipe("int8"), IMAGES * 0.5)
    assert packaging.package(other, model.name, "int8", ABOUT) != contents["int8"]
