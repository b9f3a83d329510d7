import json

import keras
import pytest

from export import exporting, untrained
from nas.architecture import spaces
from nas.data import loading


@pytest.fixture(scope="module")
def clothes(fashion_data_dir):
    return loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=100, max_train_examples=200
    )


@pytest.fixture(scope="module")
def path(clothes, tmp_path_factory):
    return untrained.write("proxyless_cpu", clothes, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def model(path):
    return exporting.load_model(path)


def test_the_network_is_the_published_one_for_the_data_set(path, model):
    child = spaces.load_child(str(path.with_name("child.json")))
    assert child == spaces.load_child("proxyless_cpu").with_task(10, 28, 1)
    assert model.output_shape == (None, 10)


def test_branches_of_residual_blocks_and_nothing_else_are_damped(model):
    child = spaces.load_child("proxyless_cpu")
    ends = {f"layer{i:02d}_2_bn" for i, block in enumerate(child.layers) if block.has_residual}
    normalizations = [
        layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert ends < {layer.name for layer in normalizations}
    for layer in normalizations:
        expected = len(ends) ** -0.5 if layer.name in ends else 1.0
        assert layer.gamma.numpy() == pytest.approx(expected)


def test_moments_were_measured(model):
    layer = model.get_layer("stem_bn")
    assert abs(layer.moving_mean.numpy()).min() > 0.0


def test_the_network_is_written_once_and_its_folder_is_its_own(path, clothes):
    before = path.read_bytes()
    assert untrained.write("proxyless_cpu", clothes, path.parent, seed=1) == path
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="expected the work dir of proxyless_gpu"):
        untrained.write("proxyless_gpu", clothes, path.parent)
    assert json.loads(path.with_name("child.json").read_text())["provenance"]
