import math

import keras
import numpy as np
import pytest

from nas import files
from nas.architecture import counting, spaces, spec_json
from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv, Skip
from nas.layers import keras_network

# Parameters and multiply-accumulates (224x224 pixels, convolutions and classifier).
PUBLISHED = {
    "proxyless_mobile": (4_080_512, 320_427_584),
    "proxyless_gpu": (7_119_848, 465_260_160),
    "proxyless_cpu": (4_361_648, 439_243_864),
    "proxyless_mobile_14": (6_857_568, 580_883_408),
    # As published with torchvision.
    "mobilenet_v2": (3_504_872, 300_774_272),
    "mobilenet_v3_large": (5_483_032, 216_589_760),
    "mobilenet_v3_small": (2_542_856, 56_510_400),
    # 3.8 million and 0.2 billion in the paper; with a normalization of the dense layer after the
    # pooling, as published, it would have 1,280 parameters more.
    "mobilenet_v4_conv_small": (3_772_744, 186_005_568),
    # 4.7 million, 407 million with normalizations counted, as published.
    "efficientnet_lite0": (4_652_008, 385_187_552),
}


def macs_of_layers(model):
    """Multiply-accumulates of the Keras layers: output pixels times the size of the kernel."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            pixels = math.prod(layer.output.shape[1:3])
            total += pixels * math.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def trainable_values(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def test_the_paper_space_has_the_papers_size():
    space = spaces.SPACES["proxyless_imagenet"]
    assert len(space.slots) == 21
    assert sum(Skip() in slot.candidates for slot in space.slots) == 15
    assert space.num_candidates == 141
    assert space.cardinality == 6**6 * 7**15
    assert counting.supernet_params(space) == 16_034_168


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_children_cost_what_was_published(name):
    child = spaces.PUBLISHED_CHILDREN[name]
    assert (counting.num_params(child), counting.num_macs(child)) == PUBLISHED[name]


def test_published_children_are_the_only_ones():
    assert set(spaces.PUBLISHED_CHILDREN) == set(PUBLISHED)


@pytest.fixture(scope="module", params=["mobile", "v3", "v4", "cifar", "tiny_gray_odd"])
def built(request):
    child = {
        "mobile": lambda: spaces.PUBLISHED_CHILDREN["proxyless_mobile"],
        "v3": lambda: spaces.PUBLISHED_CHILDREN["mobilenet_v3_small"],
        "v4": lambda: spaces.PUBLISHED_CHILDREN["mobilenet_v4_conv_small"],
        "cifar": lambda: spaces.SPACES["cifar"].child([0, 1, 3, 4, 2, 4, 0]),
        "tiny_gray_odd": lambda: spaces.SPACES["tiny"].with_task(7, 27, 1).child([1, 0, 1]),
    }[request.param]()
    return child, keras_network.build_child(child)


def test_counts_agree_with_the_model_that_keras_builds(built):
    child, model = built
    assert trainable_values(model) == counting.num_params(child)
    assert macs_of_layers(model) == counting.num_macs(child)


def test_children_are_made_of_stock_layers(built):
    child, model = built
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert model.input_shape == (None, *child.input_shape)
    assert model.output_shape == (None, child.num_classes)
    again = keras.Model.from_config(model.get_config())
    assert trainable_values(again) == counting.num_params(child)


def test_parts_built_alone_make_up_the_whole():
    child = spaces.SPACES["cifar"].child([0, 1, 3, 4, 2, 4, 0])
    parts = [keras_network.build_stem(child), keras_network.build_head(child)]
    places = zip(child.layers, child.input_resolutions, strict=False)
    parts += [keras_network.build_block(*place) for place in places if not place[0].is_identity]
    assert sum(map(trainable_values, parts)) == counting.num_params(child)
    assert sum(map(macs_of_layers, parts)) == counting.num_macs(child)


def test_fresh_kernels_have_the_spread_of_their_true_fan_in():
    keras.utils.set_random_seed(0)
    model = keras_network.build_block(Block(MBConv(5, 6), 64, 64), 4)
    for layer, fan_in in (("block_0", 64), ("block_1", 25), ("block_2", 384)):
        kernel = model.get_layer(f"{layer}_conv").kernel
        np.testing.assert_allclose(np.std(kernel), math.sqrt(2 / fan_in), rtol=0.05)


def test_children_of_the_small_spaces_differ_in_cost():
    space = spaces.SPACES["cifar"]
    cheapest = space.child([len(slot.candidates) - 1 for slot in space.slots])
    cheapest = min(counting.num_macs(cheapest), counting.num_macs(space.child([0] * 7)))
    assert counting.num_macs(space.child([3] * 7)) > 2 * cheapest


def test_children_are_found_by_name_and_by_file(tmp_path):
    child = spaces.load_child("proxyless_gpu")
    path = tmp_path / "child.json"
    files.write_json(path, spec_json.to_dict(child))
    assert spaces.load_child(str(path)) == child


@pytest.mark.parametrize("load", [spaces.load_space, spaces.load_child])
def test_unknown_names_are_refused_with_the_known_ones(load, tmp_path):
    with pytest.raises(ValueError, match="expected one of .*proxyless|tiny.*received 'nothing'"):
        load("nothing")
    with pytest.raises(
        ValueError, match="none.json: expected a (search space|child network), found none"
    ):
        load(str(tmp_path / "none.json"))


def test_the_papers_space_for_small_images_has_its_choices_and_ends_in_four_pixels():
    small, large = spaces.SPACES["proxyless_cifar"], spaces.SPACES["proxyless_imagenet"]
    assert small.cardinality == large.cardinality
    assert [len(slot.candidates) for slot in small.slots] == [
        len(slot.candidates) for slot in large.slots
    ]
    strides = [small.stem.stride, *(layer.stride for layer in small.layers)]
    assert small.resolution // math.prod(strides) == 4
