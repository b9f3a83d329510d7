"""Every operation and every head through each kind of training further."""

import typing

import forked_training
import keras
import numpy as np
import pytest

from export import recipes, support
from export.checks import interpreter
from export.content import flatbuffer, footprint
from export.conversion import tflite
from export.fine_tuning import jobs, process
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import UIB, AnyOperation, FusedMBConv, MBConv, Skip
from nas.architecture.specs import Child
from nas.data import batching, loading
from nas.layers import keras_network

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

BLOCKS = (
    Block(MBConv(5, 3), 8, 8),
    Block(FusedMBConv(3, 2), 8, 16, 2),
    Block(MBConv(3, 2, "relu", se_ratio=0.5), 16, 16),
    Block(FusedMBConv(3, 1, se_ratio=0.5), 16, 16),
    Block(UIB(3, 5, 2), 16, 24, 2),
    Block(UIB(0, 0, 2, "relu"), 24, 24),
    Block(Skip(), 24, 32),
)
HEAD = Head(32, pooled_width=32)
CHILD = Child("clothes", 28, 10, Stem(8), BLOCKS, HEAD, input_channels=1)


@pytest.fixture(scope="module")
def clothes(fashion_data_dir):
    return loading.load("fashion_mnist", fashion_data_dir, validation_size=100)


@pytest.fixture(scope="module")
def model(clothes):
    keras.utils.set_random_seed(0)
    model = keras_network.build_child(CHILD)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    images = batching.to_float(clothes.train.images).numpy()
    model.fit(images, clothes.train.labels, batch_size=50, epochs=4, verbose=0)
    return model


def test_every_kind_of_operation_is_here_and_every_recipe_takes_it():
    union, _ = typing.get_args(AnyOperation)
    assert {type(block.op) for block in BLOCKS} == set(typing.get_args(union))
    trained = [name for name, row in recipes.RECIPES.items() if row.fine_tuning]
    for name in trained:
        support.check(CHILD, name)


def normalizations(weights):
    return {name: arrays for name, arrays in weights.items() if name.endswith("_bn")}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("quantization", "int8_qat"), ("pruning", "sparse"), ("clustering", "clustered")],
)
def test_a_network_of_all_operations_is_trained_further_and_written(model, clothes, kind, name):
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    images = batching.to_float(clothes.test.images).numpy()
    settings = jobs.Settings(epochs=2, batch_size=50, sparsity=0.2)
    job = jobs.Job(kind, CHILD, weights, clothes.train, images, settings)
    with forked_training.forked():
        outcome = process.run(job)
    recipe = recipes.recipe(name)
    if isinstance(outcome, jobs.QuantizedFile):
        content, logits = outcome.content, outcome.logits
    else:
        # Batch normalization follows the network that changes.
        for name_of_layer, (_, _, *moments) in normalizations(weights).items():
            for before, after in zip(moments, outcome.by_layer[name_of_layer][2:], strict=True):
                assert not np.array_equal(before, after)
        trained = keras_network.build_child(CHILD)
        for layer in trained.layers:
            layer.set_weights(outcome.by_layer[layer.name])
        content, logits = tflite.convert(trained, recipe), trained.predict(images, verbose=0)
    assert flatbuffer.operators(content) == footprint.fewest_operators(CHILD, recipe)
    found = interpreter.predict(content, images)
    agreement = np.mean(found.argmax(axis=1) == logits.argmax(axis=1))
    # In an int8 file each of 17 layers rounds.
    assert agreement >= (0.9 if kind == "quantization" else 1.0)
    if kind == "quantization":
        # The products of channels and their weights lose nothing: as accurate as before.
        before = np.mean(model.predict(images, verbose=0).argmax(axis=1) == clothes.test.labels)
        assert np.mean(found.argmax(axis=1) == clothes.test.labels) > before - 0.05


def test_few_training_images_are_enough_for_the_ranges_of_products(model, clothes):
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    images = batching.to_float(clothes.test.images[:10]).numpy()
    few = clothes.train.take(np.arange(60))
    job = jobs.Job("quantization", CHILD, weights, few, images, jobs.Settings(1, 50))
    with forked_training.forked():
        assert isinstance(process.run(job), jobs.QuantizedFile)
