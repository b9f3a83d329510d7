"""What every recipe promises, checked on a child of the `tiny` space."""

import dataclasses

import keras
import numpy as np
import pytest

from export import flatbuffer, interpreter, parity, recipes, tflite
from nas import child, spaces

SPACE = spaces.SPACES["tiny"]
# A head wide enough to have a weight of the 1024 values that dynamic-range quantization asks for.
CHILD = dataclasses.replace(
    SPACE.child([1] * len(SPACE.slots)),
    head=dataclasses.replace(SPACE.head, width=128),
)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (64, *CHILD.input_shape)).astype(np.float32)
LABELS = RNG.integers(0, CHILD.num_classes, 64)

# One operation a layer: nothing left over from batch normalization, activations or shapes.
MINIMUM = {
    "ADD": sum(block.has_residual for block in CHILD.layers),
    "CONV_2D": 2 + sum(stage.type == "conv" for block in CHILD.layers for stage in block.stages),
    "DEPTHWISE_CONV_2D": sum(
        stage.type == "depthwise" for block in CHILD.layers for stage in block.stages
    ),
    "FULLY_CONNECTED": 1,
    "MEAN": 1,
}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = child.build_child(CHILD)
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel, RNG.normal(0, 0.1, bias.shape)])
    for _ in range(5):
        model(IMAGES[:32] * 2 + 0.5, training=True)
    return model


@pytest.fixture(scope="module")
def contents(model):
    return {name: tflite.convert(model, row, IMAGES) for name, row in recipes.RECIPES.items()}


@pytest.fixture(params=list(recipes.RECIPES))
def recipe(request):
    return recipes.recipe(request.param)


def test_key_is_the_name(recipe):
    assert recipes.RECIPES[recipe.name] is recipe


def test_file_computes_what_the_network_computes(model, contents, recipe):
    result = parity.compare(model, contents[recipe.name], recipe, IMAGES, LABELS)
    assert result.recipe == recipe.name
    assert result.mean_abs_difference < 0.05 * result.max_abs_logit


def test_same_network_gives_the_same_bytes(model, contents, recipe):
    assert tflite.convert(model, recipe, IMAGES) == contents[recipe.name]


def test_rebuilt_network_gives_the_same_bytes(model, contents, recipe):
    twin = child.build_child(CHILD)
    twin.set_weights(model.get_weights())
    assert tflite.convert(twin, recipe, IMAGES) == contents[recipe.name]


def test_operations_are_the_fewest_possible(contents, recipe):
    found = flatbuffer.operators(contents[recipe.name])
    # Stored halves are widened by one operation a weight and bias; runtimes fold them at load.
    if recipe.name == "float16":
        assert found.pop("DEQUANTIZE") == 2 * _num_weighted()
    assert found == MINIMUM


def _num_weighted() -> int:
    return sum(MINIMUM[name] for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"))


def test_input_and_output_types(contents, recipe):
    loaded = interpreter.load(contents[recipe.name])
    expected = np.int8 if recipe.name == "int8" else np.float32
    assert loaded.get_input_details()[0]["dtype"] == expected
    assert loaded.get_output_details()[0]["dtype"] == expected
    assert tuple(loaded.get_input_details()[0]["shape"]) == (1, *CHILD.input_shape)


def test_weights_are_int8_exactly_where_the_recipe_says_so(contents, recipe):
    types = flatbuffer.tensor_types(contents[recipe.name])
    assert ("int8" in types) == recipe.quantizes_weights


def test_int8_leaves_no_float_tensor(contents):
    assert "float32" not in flatbuffer.tensor_types(contents["int8"])


def test_calibration_images_are_asked_for_exactly_where_needed(model, recipe):
    if recipe.needs_calibration:
        with pytest.raises(ValueError, match="expected calibration images"):
            tflite.convert(model, recipe)
    else:
        assert interpreter.load(tflite.convert(model, recipe)) is not None


def test_smaller_types_give_smaller_files(contents):
    sizes = {name: len(content) for name, content in contents.items()}
    assert max(sizes, key=sizes.get) == "float32"


def test_calibration_reaches_the_int8_file(model, contents):
    other = tflite.convert(model, recipes.recipe("int8"), IMAGES * 0.5)
    assert other != contents["int8"]
