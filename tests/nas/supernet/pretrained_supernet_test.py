"""A supernet whose candidates begin with the weights of one of its networks."""

import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import FusedMBConv, MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.layers import keras_network
from nas.pretrained import network_weights
from nas.pretrained.adapting import Seed
from nas.supernet.supernet import Supernet

OPERATIONS = MBConv(3, 3), MBConv(5, 6), MBConv(7, 3), FusedMBConv(3, 2)


def space(first, second, head, **fields):
    return SearchSpace(
        name="space",
        resolution=(16, 24),
        num_classes=4,
        stem=Stem(8),
        layers=(
            Block(MBConv(3, 1), 8, 8),
            Slot(8, first, OPERATIONS, 2),
            Slot(first, first, (*OPERATIONS, Skip())),
            Slot(first, second, OPERATIONS),
            Slot(second, second, (*OPERATIONS, Skip())),
        ),
        head=head,
        **fields,
    )


WIDTHS = {"a": (8, 16, 24), "b": (16, 32), "h": (24, 32), "p": (16, 40)}
SPACES = {
    "fixed widths": space(16, 32, Head(32)),
    "widths": space("a", "b", Head("h"), widths={k: WIDTHS[k] for k in "abh"}),
    "pooled": space("a", "b", Head("h", pooled_width="p"), widths=WIDTHS),
}
# Of the slots; the widths take the middle option or the last.
CHOICES = {"fixed widths": (0, 1, 3, 4, 1), "widths": (0, 1, 3, 4, 1, 1, 0, 1)}
CHOICES["pooled"] = (*CHOICES["widths"][:-1], 0, 1)


@pytest.fixture(scope="module", params=SPACES)
def begun(request):
    """A supernet, the network that it began with, and the choices of that network."""
    found, choices = SPACES[request.param], CHOICES[request.param]
    child = found.child(choices)
    rng = np.random.default_rng(0)
    arrays = []
    for chain in network_weights.stage_chains(child):
        for weight in (weight for stage in chain for weight in stage.weights):
            value = weight.start + (weight.deviation or 0.3) * rng.standard_normal(weight.shape)
            arrays.append(np.abs(value) + 0.1 if weight.name == "variance" else value)
    shape = child.head.output_width, child.num_classes
    arrays += [rng.standard_normal(shape), rng.standard_normal(shape[1])]
    seed = Seed(network_weights.arrange(child, arrays, "test"))
    return Supernet(found, pretrained=seed), seed, choices


def logits_of_seed(seed, images):
    model = keras_network.build_child(seed.weights.child)
    seed.weights.apply_to(model)
    return model.predict(images, verbose=0)


def images(resolution):
    return np.random.default_rng(1).uniform(-1, 1, (3, resolution, resolution, 3)).astype("float32")


def test_the_seed_as_a_path_computes_what_it_computed(begun):
    supernet, seed, choices = begun
    pixels = images(24)
    kernel, _ = seed.weights.classifier
    if supernet.classifier.kernel.shape[0] != len(kernel):
        # The classifier of a wider head is drawn; what is before it is the seed's.
        supernet.classifier.set(*seed.weights.classifier)
    found = supernet(tf.constant(pixels), tf.constant(choices, tf.int32))
    np.testing.assert_allclose(found, logits_of_seed(seed, pixels), atol=1e-4)
    inherited = supernet.inherit(choices).predict(pixels, verbose=0)
    np.testing.assert_allclose(inherited, found, atol=1e-5)


def test_larger_kernels_and_expansions_change_nothing_yet(begun):
    supernet, _, choices = begun
    larger = list(choices)
    # k3 e3 becomes k5 e6.
    larger[0] = 1
    pixels = tf.constant(images(24))
    expected = supernet(pixels, tf.constant(choices, tf.int32))
    found = supernet(pixels, tf.constant(larger, tf.int32))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_block_beside_an_identity_of_the_seed_begins_as_nothing(begun):
    supernet, _, choices = begun
    pixels = tf.constant(images(24))
    expected = supernet(pixels, tf.constant(choices, tf.int32))
    for j in range(len(OPERATIONS)):
        other = list(choices)
        other[3] = j
        found = supernet(pixels, tf.constant(other, tf.int32))
        np.testing.assert_allclose(found, expected, atol=1e-4)
