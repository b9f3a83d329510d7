"""Trainings that begin with the weights of another network."""

import dataclasses

import kept_networks
import keras
import numpy as np
import pytest
from interrupts import InterruptAt

from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import Child
from nas.data import batching, loading
from nas.layers import keras_network
from nas.training import child_training, closed_form_head, recalibration
from nas.training.train_config import TrainConfig

CHILD = Child(
    "small",
    28,
    10,
    Stem(4, 3, 2),
    (Block(MBConv(3, 2), 4, 8, 2), Block(Skip(), 8, 8)),
    Head(16, dropout=0.3),
    1,
)
CONFIG = TrainConfig(epochs=3, batch_size=20, learning_rate=0.1, warmup_epochs=0.5)
STEPS = 5


@pytest.fixture(scope="module")
def dataset(fashion_data_dir):
    return loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=40, max_train_examples=70
    )


FINE = dataclasses.replace(
    CONFIG,
    optimizer="adamw",
    learning_rate=1e-3,
    weight_decay=0.02,
    freeze_moments=True,
    fit_classifier=True,
)


def moments(model):
    layers = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    return [np.array(w) for x in layers for w in (x.moving_mean, x.moving_variance)]


@pytest.fixture(scope="module")
def learned(dataset, tmp_path_factory):
    """Weights of a trained network."""
    model = child_training.train(CHILD, dataset, CONFIG, tmp_path_factory.mktemp("seed"))
    return [np.array(w) for w in model.get_weights()]


def test_frozen_moments_stay_and_everything_else_is_trained(dataset, learned, tmp_path):
    model = child_training.train(CHILD, dataset, FINE, tmp_path, initial=learned)
    before = keras_network.build_child(CHILD)
    before.set_weights(learned)
    for old, new in zip(moments(before), moments(model), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(before.trainable_weights, model.trainable_weights, strict=True):
        assert not np.array_equal(old, new), new.path


def test_the_classifier_is_fitted_to_the_features_before_the_first_step(dataset, learned, tmp_path):
    nearly_still = dataclasses.replace(FINE, epochs=1, learning_rate=1e-12, weight_decay=0.0)
    model = child_training.train(CHILD, dataset, nearly_still, tmp_path, initial=learned)
    features = keras.Model(model.inputs, model.get_layer("logits").input)
    split = dataset.train_and_validation
    x = features.predict(batching.to_float(split.pixels(np.arange(len(split)))), verbose=0)
    kernel, bias = closed_form_head.fit(x, split.labels, 10)
    np.testing.assert_allclose(model.get_layer("logits").kernel, kernel, atol=1e-3)
    np.testing.assert_allclose(model.get_layer("logits").bias, bias, atol=1e-3)


def test_moments_of_a_cut_network_are_measured_first(dataset, learned, tmp_path):
    config = dataclasses.replace(FINE, epochs=1, learning_rate=1e-12, measure_moments=True)
    model = child_training.train(CHILD, dataset, config, tmp_path, initial=learned)
    expected = keras_network.build_child(CHILD)
    expected.set_weights(learned)
    recalibration.recalibrate(expected, recalibration.batches(dataset.train_and_validation))
    for old, new in zip(moments(expected), moments(model), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-4, atol=1e-5)


def test_a_fine_tuning_that_was_interrupted_gives_the_same_result(dataset, learned, tmp_path):
    with kept_networks.kept():
        _train_and_resume(dataset, learned, tmp_path)


def _train_and_resume(dataset, learned, tmp_path):
    whole = child_training.train(CHILD, dataset, FINE, tmp_path / "whole", initial=learned)
    with pytest.raises(KeyboardInterrupt):
        stop = [InterruptAt(STEPS + 2)]
        child_training.train(CHILD, dataset, FINE, tmp_path / "cut", stop, initial=learned)
    again = child_training.train(CHILD, dataset, FINE, tmp_path / "cut", initial=learned)
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_settings_of_later_versions_are_left_out_at_their_defaults():
    assert "freeze_moments" not in CONFIG.settings and "optimizer" not in CONFIG.settings
    assert FINE.settings["optimizer"] == "adamw" and FINE.settings["freeze_moments"]
    with pytest.raises(ValueError, match="optimizer"):
        TrainConfig(optimizer="adam")
