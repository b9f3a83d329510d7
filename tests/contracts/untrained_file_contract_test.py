"""Tests that files written from specs equal the converter's, for every space and every recipe.

`operation_export_contract_test` does the same for every example of an operation.
"""

import dataclasses
import zlib

import file_structure
import numpy as np
import pytest

from export import recipes, support
from export.checks import interpreter
from export.content import flatbuffer
from export.direct import number_formats
from latency_models.measuring import converted_parts, parts
from nas.architecture import spaces
from nas.architecture.specs import Child

# Recipes that fine-tune are timed as untrained files of the same types.
RECIPES = [row for row in recipes.RECIPES.values() if row.fine_tuning is None]
# Shapes aside, files do not depend on the resolution; the converter is faster with fewer pixels.
MOST_PIXELS = 64
MOST_LAYERS = 3


def random_network(space, seed):
    generator = np.random.default_rng(seed)
    child = space.child([int(generator.integers(count)) for count in space.option_counts])
    return child.with_task(10, min(child.resolution, MOST_PIXELS)), generator


def piece(space, seed):
    """A network of some consecutive layers of a random network, with its stem and its head."""
    child, generator = random_network(space, seed)
    begin = int(generator.integers(max(1, len(child.layers) - MOST_LAYERS + 1)))
    layers = child.layers[begin : begin + MOST_LAYERS]
    stem = dataclasses.replace(child.stem, width=layers[0].input_width)
    return dataclasses.replace(child, stem=stem, layers=layers)


def is_supported(child: Child, recipe):
    try:
        support.check(child, recipe.name)
    except ValueError:
        return False
    return True


def assert_equal_files(child, recipe):
    part = parts.network_part(child)
    written, converted = part.write(recipe), converted_parts.convert(part, recipe)
    file_structure.assert_same_structure(written, converted)
    # Equal constants are converted from float16 once.
    assert flatbuffer.operators(written) == flatbuffer.operators(converted)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda row: row.name)
@pytest.mark.parametrize("name", spaces.SPACES)
def test_a_file_from_specs_is_that_of_the_converter(name, recipe):
    child = piece(spaces.SPACES[name], zlib.crc32(f"{name} {recipe.name}".encode()))
    if is_supported(child, recipe):
        assert_equal_files(child, recipe)
    else:
        with pytest.raises(ValueError, match=f"the recipe {recipe.name} cannot write it"):
            parts.network_part(child).write(recipe)


@pytest.mark.integration
@pytest.mark.parametrize("name", spaces.SPACES)
def test_a_whole_network_from_specs_is_that_of_the_converter(name):
    child, _ = random_network(spaces.SPACES[name], zlib.crc32(name.encode()))
    assert_equal_files(child, recipes.recipe("int8"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda row: row.name)
def test_a_part_from_specs_is_that_of_the_converter(recipe):
    space = spaces.SPACES["cifar_mobile"]
    child, _ = random_network(space, 0)
    chosen = {part.kind: part for part in parts.child_parts(child)}
    assert set(chosen) == {"stem", "block", "head"}
    for part in chosen.values():
        written, converted = part.write(recipe), converted_parts.convert(part, recipe)
        file_structure.assert_same_structure(written, converted)


def test_every_recipe_has_a_number_format():
    pairs = {(row.weights, row.activations) for row in recipes.RECIPES.values()}
    assert pairs == set(number_formats.NUMBER_FORMATS)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda row: row.name)
@pytest.mark.parametrize("name", spaces.SPACES)
def test_a_whole_network_from_specs_runs_and_its_logits_do_not_saturate(name, recipe):
    child, generator = random_network(spaces.SPACES[name], 1)
    if not is_supported(child, recipe):
        return
    content = parts.network_part(child).write(recipe)
    runner = interpreter.load(content)
    (given,), (made,) = runner.get_input_details(), runner.get_output_details()
    images = generator.uniform(-1.0, 1.0, given["shape"]).astype(np.float32)
    runner.set_tensor(given["index"], interpreter.quantize(images, given))
    runner.invoke()
    logits = runner.get_tensor(made["index"])
    assert np.all(np.isfinite(logits.astype(np.float32)))
    if made["dtype"] != np.float32:
        limits = np.iinfo(made["dtype"])
        assert np.mean((logits == limits.min) | (logits == limits.max)) < 0.3
