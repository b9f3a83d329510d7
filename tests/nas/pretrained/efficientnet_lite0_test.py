"""EfficientNet-Lite0 with its public weights, on scikit-image's sample pictures."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from nas.architecture import spaces
from nas.layers import keras_network
from nas.pretrained import efficientnet_lite0, seeds, torch_file

CATS, ESPRESSO = {281, 282, 285}, 967


@pytest.fixture(scope="module")
def weights():
    return efficientnet_lite0.load(efficientnet_lite0.packaged_file())


def middle(picture):
    height, width, _ = picture.shape
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    square = Image.fromarray(picture[top : top + size, left : left + size])
    return np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC), np.float32)


def probabilities(model, pixels):
    logits = model.predict(pixels[None] / 127.5 - 1.0, verbose=0)[0]
    values = np.exp(logits - logits.max())
    return values / values.sum()


def test_it_knows_a_cat_and_an_espresso(weights):
    model = keras_network.build_child(weights.child)
    weights.apply_to(model)
    cat = probabilities(model, middle(skimage.data.chelsea()))
    assert set(np.argsort(-cat)[:3]) == CATS
    coffee = probabilities(model, middle(skimage.data.coffee()))
    assert coffee.argmax() == ESPRESSO and coffee[ESPRESSO] > 0.9


def test_the_published_scaling_of_pixels_is_in_the_stem(weights):
    """On pixels away from the border, the stem computes what the published one computes."""
    tensors = torch_file.read(efficientnet_lite0.packaged_file())
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 3, 3))
    kernel = tensors["_conv_stem.weight"].transpose(2, 3, 1, 0)
    published = np.einsum("hwi,hwio->o", (pixels - 127.0) / 128.0, kernel)
    mean, variance = tensors["_bn0.running_mean"], tensors["_bn0.running_var"]
    expected = (published - mean) / np.sqrt(variance + 1e-3)
    own, _, _, own_mean, own_variance = weights.stem[0]
    found = np.einsum("hwi,hwio->o", pixels / 127.5 - 1.0, own) - own_mean
    np.testing.assert_allclose(found / np.sqrt(own_variance + 1e-3), expected, atol=1e-4)


def test_every_network_of_its_space_can_begin_with_it():
    space = spaces.load_space("efficientnet_lite").with_task(10, 64)
    seed = seeds.load("imagenet", space)
    child = space.child([0] * len(space.option_counts))
    found = seed.network(child, np.random.default_rng(0))
    assert [w.shape for w in found.stem[0]] == [w.shape for w in seed.weights.stem[0]]


def test_the_weights_of_another_network_are_refused(tmp_path, monkeypatch):
    tensors = torch_file.read(efficientnet_lite0.packaged_file())
    less = {k: v for k, v in tensors.items() if k != "_fc.bias"}
    other = tensors | {"_fc.bias": np.zeros(7, np.float32)}
    more = tensors | {"_blocks.16._bn0.weight": np.zeros(7, np.float32)}
    for found, text in (
        (less, "none called _fc.bias"),
        (other, "received one of"),
        (more, "received 248"),
    ):
        monkeypatch.setattr(torch_file, "read", lambda path, found=found: found)
        with pytest.raises(ValueError, match=text):
            efficientnet_lite0.load("some.pth")
