"""Tests that every recipe without fine-tuning writes every operation correctly.

Files that are written from specs, for timing, are compared with those of the converter.
"""

import dataclasses
import functools

import file_structure
import keras
import noise_images
import numpy as np
import pytest
from operation_examples import OPERATIONS

from export import recipes, support, writing
from export.checks import parity
from export.content import flatbuffer, footprint, packaging
from export.content.metadata import About
from export.conversion import tflite
from export.direct import networks
from export.examples import Examples
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.specs import Child
from nas.layers import keras_network

RECIPES = [row for row in recipes.RECIPES.values() if row.fine_tuning is None]
# Output width and stride of every block; the first block keeps the shape.
PLACES = [(8, 1), (12, 1), (12, 2), (8, 2)]
LABELS = np.random.default_rng(0).integers(0, 10, 64)


def child_of(op):
    """A network with one operation, in every place that allows it."""
    blocks, width = [], 8
    for output_width, stride in PLACES:
        if op.refusal(width, output_width, stride) is None:
            blocks.append(Block(op, width, output_width, stride))
            width = output_width
    # Dynamic-range quantization needs a weight of at least 1024 values, so the head is wide.
    return Child("one_operation", 12, 10, Stem(8, stride=1), tuple(blocks), Head(128))


def about_of(child):
    return About("noise", tuple(f"class {i}" for i in range(10)), child)


@functools.cache
def written(op):
    """The writer of the network, and its test images."""
    child = child_of(op)
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(child)
    for _ in range(5):
        model(noise_images.IMAGES[:32], training=True)
    about = about_of(child)
    images = noise_images.clear(model, len(LABELS))
    return writing.Writer(model, Examples(images, LABELS, images, None), about), images


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda row: row.name)
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.label)
def test_an_operation_is_written_minimal_and_in_parity_or_refused_by_policy(op, recipe):
    child = child_of(op)
    if any(support.reasons(block.stages, recipe.name) for block in child.layers):
        with pytest.raises(ValueError, match=rf"{recipe.name} cannot write {op.kind}"):
            support.check(child, recipe.name)
        with pytest.raises(ValueError, match=f"the recipe {recipe.name} cannot write it"):
            networks.write_child(child, recipe)
        return
    support.check(child, recipe.name)
    writer, images = written(op)
    # Raises if the file has more operators than the network needs.
    content, _ = writer.write(recipe)
    held = writer.held_logits(recipe)
    # Raises if the file differs from its network by more than the recipe allows.
    found = parity.compare(content, recipe, images, LABELS, writer.logits, held_logits=held)
    assert found.recipe == recipe.name
    file_structure.assert_same_structure(networks.write_child(child, recipe), content)


@pytest.mark.parametrize("name", ["float32", "int8"])
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.label)
def test_an_operation_on_one_pixel_has_the_operators_that_are_counted(op, name):
    """The last layers of a network for large images see one pixel of a small one."""
    child = dataclasses.replace(child_of(op), resolution=2, stem=Stem(8, stride=2))
    images = noise_images.IMAGES[:, :2, :2]
    keras.utils.set_random_seed(0)
    content = tflite.convert(keras_network.build_child(child), recipes.recipe(name), images)
    packaged = packaging.package(content, child.name, name, about_of(child))
    recipe = recipes.recipe(name)
    assert flatbuffer.operators(packaged) == footprint.fewest_operators(child, recipe)
    file_structure.assert_same_structure(networks.write_child(child, recipe), packaged)
