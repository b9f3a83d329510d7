"""Networks that begin with the weights of another one."""

import dataclasses

import numpy as np
import pytest

from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.specs import Child
from nas.layers import keras_network
from nas.pretrained import channel_order, network_weights
from nas.pretrained.adapting import Seed

RESOLUTION = 16
OPERATIONS = {
    "mbconv": MBConv(3, 3),
    "squeeze": MBConv(5, 2, "hard_swish", se_ratio=0.5),
    "fused": FusedMBConv(3, 2, "relu"),
    "uib": UIB(3, 5, 2),
    "feed_forward": UIB(0, 0, 2),
    "without_expansion": MBConv(3, 1),
}


def network(*blocks, width=16, channels=3, **head):
    return Child("net", RESOLUTION, 5, Stem(width), blocks, Head(24, **head), channels)


def three(op, middle=None, width=16, wide=24):
    """A block that halves the image, one of other widths, one beside a residual connection."""
    first = UIB(0, 3, 2) if isinstance(op, UIB) and not op.middle_kernel_size else op
    return network(
        Block(first, width, width, 2),
        Block(middle or op, width, wide),
        Block(op, wide, wide),
        width=width,
    )


def random_weights(child, seed=0):
    """Weights whose channels matter more or less."""
    rng = np.random.default_rng(seed)
    arrays = []
    for chain in network_weights.stage_chains(child):
        for stage in chain:
            for weight in stage.weights:
                spread = weight.deviation or 0.3
                value = weight.start + spread * rng.standard_normal(weight.shape)
                arrays.append(np.abs(value) + 0.1 if weight.name == "variance" else value)
    shape = child.head.output_width, child.num_classes
    arrays += [rng.standard_normal(shape), rng.standard_normal(shape[1])]
    return network_weights.arrange(child, arrays, "test")


def outputs(weights, channels=3):
    model = keras_network.build_child(weights.child)
    weights.apply_to(model)
    images = np.random.default_rng(9).uniform(-1, 1, (4, RESOLUTION, RESOLUTION, 1))
    return model.predict(np.repeat(images, channels, axis=3), verbose=0)


def begun(seed, child):
    return Seed(seed).network(child, np.random.default_rng(3))


def test_weights_are_read_from_a_model_as_they_were_set():
    weights = random_weights(three(OPERATIONS["squeeze"]))
    model = keras_network.build_child(weights.child)
    weights.apply_to(model)
    for found, given in zip(
        network_weights.of_model(weights.child, model).arrays, weights.arrays, strict=True
    ):
        np.testing.assert_array_equal(found, given)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_sorting_channels_changes_nothing_that_is_computed(op):
    weights = random_weights(three(op))
    ordered = channel_order.by_importance(weights)
    assert not all(map(np.array_equal, weights.arrays, ordered.arrays))
    np.testing.assert_allclose(outputs(ordered), outputs(weights), atol=1e-4)


def test_the_leading_channels_are_those_that_matter():
    weights = random_weights(three(OPERATIONS["mbconv"]))
    ordered = channel_order.by_importance(weights)
    for expand, depthwise, project in ordered.blocks:
        importance = np.abs(depthwise[1]) * np.linalg.norm(project[0][0, 0], axis=1)
        assert np.all(np.diff(importance) <= 1e-6)
        assert len(expand[1]) == len(importance)
    # Two places that a residual connection joins have one order.
    written = np.abs(ordered.blocks[1][2][1]) ** 2 + np.abs(ordered.blocks[2][2][1]) ** 2
    read = sum(np.sum(chain[0][0] ** 2, axis=(0, 1, 3)) for chain in ordered.chains[3:])
    assert np.all(np.diff(np.sqrt(written * read)) <= 1e-5)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_the_seed_itself_keeps_its_weights(op):
    weights = random_weights(three(op))
    found = begun(weights, weights.child)
    for ours, theirs in zip(found.arrays, weights.arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (MBConv(3, 3), MBConv(7, 3)),
        (MBConv(3, 3), MBConv(3, 6)),
        (MBConv(3, 2, "hard_swish", 0.5), MBConv(5, 2, "hard_swish", 0.5)),
        (FusedMBConv(3, 2), FusedMBConv(5, 4)),
        (UIB(3, 3, 2), UIB(5, 7, 4)),
    ],
    ids=str,
)
def test_what_is_added_to_the_seed_has_no_effect(small, large):
    weights = random_weights(three(small))
    for child in (
        three(large),
        three(small, wide=32),
        three(large, wide=40),
        dataclasses.replace(three(small), head=Head(48)),
    ):
        found = begun(weights, child)
        if child.head.width == 48:
            # The classifier has other inputs; nothing else does.
            kernel, bias = weights.classifier
            more = np.concatenate([kernel, np.zeros((24, 5))])
            found = dataclasses.replace(found, classifier=(more, bias))
        np.testing.assert_allclose(outputs(found), outputs(weights), atol=1e-4)


def test_what_is_smaller_is_the_middle_and_the_leading_part():
    weights = random_weights(three(MBConv(7, 6)))
    ordered = channel_order.by_importance(weights)
    found = begun(weights, three(MBConv(3, 3), wide=8))
    expand, depthwise, project = found.blocks[2]
    wide = ordered.blocks[2]
    np.testing.assert_array_equal(expand[0], wide[0][0][:, :, :8, :24])
    np.testing.assert_array_equal(depthwise[0], wide[1][0][2:5, 2:5, :24])
    np.testing.assert_array_equal(project[0], wide[2][0][:, :, :24, :8])
    for i in range(1, 5):
        np.testing.assert_array_equal(depthwise[i], wide[1][i][:24])


@pytest.mark.parametrize("op", [FusedMBConv(3, 2), MBConv(3, 1), MBConv(3, 3, se_ratio=0.5)])
def test_a_block_that_the_seed_does_not_have_begins_as_nothing(op):
    seed = three(MBConv(3, 3))
    skipped = dataclasses.replace(seed, layers=(*seed.layers[:2], Block(Skip(), 24, 24)))
    weights = random_weights(skipped)
    other = dataclasses.replace(seed, layers=(*seed.layers[:2], Block(op, 24, 24)))
    np.testing.assert_allclose(outputs(begun(weights, other)), outputs(weights), atol=1e-4)
    # And a block that the network does not have is left out.
    assert begun(random_weights(seed), skipped).blocks[2] == ()


def test_a_gray_network_sees_a_gray_image_as_the_seed_does():
    seed = three(MBConv(3, 3))
    weights = random_weights(seed)
    gray = begun(weights, dataclasses.replace(seed, input_channels=1))
    np.testing.assert_allclose(outputs(gray, channels=1), outputs(weights), atol=1e-4)


def test_other_classes_have_a_fresh_classifier():
    weights = random_weights(three(MBConv(3, 3)))
    found = begun(weights, weights.child.with_task(7))
    kernel, bias = found.classifier
    assert kernel.shape == (24, 7) and not bias.any() and 0.005 < kernel.std() < 0.02


def test_a_network_of_other_strides_is_refused():
    weights = random_weights(three(MBConv(3, 3)))
    other = network(Block(MBConv(3, 3), 16, 16), Block(MBConv(3, 3), 16, 16))
    with pytest.raises(ValueError, match="strides 2 2 1 1 of stem and layers, .* with 2 1 1"):
        begun(weights, other)
