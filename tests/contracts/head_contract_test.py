"""Tests that every form of a head must pass: counts, supernet, features and exports agree."""

import functools
import math

import keras
import noise_images
import numpy as np
import pytest
import tensorflow as tf

from export import recipes, support, writing
from export.checks import parity
from export.content.metadata import About
from export.examples import Examples
from latency_models.measuring import features, parts
from nas.architecture import counting, spec_json
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import ACTIVATIONS, MBConv
from nas.architecture.specs import Child, SearchSpace
from nas.layers import keras_network
from nas.supernet.mixed_network import MixedNetwork

# Dynamic-range quantization needs a weight of at least 1024 values, so the convolution is wide.
HEADS = [Head(128, name, 0.1, width) for name in ACTIVATIONS for width in (None, 24)]
RECIPES = [row for row in recipes.RECIPES.values() if row.fine_tuning is None]
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, 64)
IMAGES = noise_images.IMAGES


def name_of(head):
    return f"{head.activation} {head.pooled_width}"


@pytest.fixture(params=HEADS, ids=name_of)
def head(request):
    return request.param


def space_of(head):
    slot = Slot(8, 8, (MBConv(3, 1), MBConv(5, 1)))
    return SearchSpace("one_head", 12, 10, Stem(8), (slot,), head)


def child_of(head):
    return space_of(head).child([1], "one_head")


@functools.cache
def model_of(head):
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(child_of(head))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.bias.assign(RNG.normal(0.0, 0.1, layer.bias.shape))
    for _ in range(5):
        model(IMAGES[:32], training=True)
    return model


def test_counts_are_those_of_the_keras_layers(head):
    child, model = child_of(head), model_of(head)
    values = sum(math.prod(v.shape) for v in model.trainable_variables)
    macs = sum(
        math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
    assert counting.num_params(child) == values
    assert counting.num_macs(child) == macs
    net = MixedNetwork(space_of(head))
    assert net.num_weights == counting.supernet_params(space_of(head))


def test_the_features_count_the_same_multiply_accumulates(head):
    child = child_of(head)
    part = parts.head_part(child)
    found = features.features(part.kind, part.spec, part.resolution)
    by_name = dict(zip(features.FEATURES, found, strict=True))
    counted = sum(value for name, value in by_name.items() if name.endswith("_macs"))
    others = [parts.stem_part(child), parts.block_part(*child.places[0])]
    assert counted == part.num_macs
    assert part.num_macs + sum(one.num_macs for one in others) == counting.num_macs(child)


def test_the_head_is_written_and_read_back(head):
    child = child_of(head)
    assert spec_json.from_dict(Child, spec_json.to_dict(child)) == child


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_supernet_computes_what_its_child_computes(head, precision):
    net = MixedNetwork(space_of(head), precision=precision)
    child = net.inherit([1])
    found = net(IMAGES, tf.constant([1]), training=False)
    assert found.dtype == tf.float32
    limit = 1e-4 if precision == "float32" else 2e-2
    most = np.abs(child(IMAGES)).max()
    np.testing.assert_allclose(found, child(IMAGES, training=False), atol=limit * most)


@functools.cache
def written(head):
    """The writer of the network, and its test images."""
    about = About("noise", tuple(f"class {i}" for i in range(10)), child_of(head))
    images = noise_images.clear(model_of(head), len(LABELS))
    return writing.Writer(model_of(head), Examples(images, LABELS, images, None), about), images


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda row: row.name)
def test_a_head_is_written_minimal_and_in_parity_or_refused_by_policy(head, recipe):
    if support.reasons(head.stages(8), recipe.name):
        with pytest.raises(ValueError, match=rf"head: the recipe {recipe.name} cannot write"):
            support.check(child_of(head), recipe.name)
        return
    support.check(child_of(head), recipe.name)
    writer, images = written(head)
    # Raises if the file has more operators than the network needs.
    content, _ = writer.write(recipe)
    held = writer.held_logits(recipe)
    # Raises if the file differs from its network by more than the recipe allows.
    found = parity.compare(content, recipe, images, LABELS, writer.logits, held_logits=held)
    assert found.recipe == recipe.name
