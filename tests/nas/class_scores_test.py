import dataclasses
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas import class_scores
from nas.architecture import spaces
from nas.data import arrays
from nas.supernet import supernet
from nas.training import child_training

NAMES = ("ok", "broken")


def uneven(class_weights, size=16):
    """Noise, 120 images of one class and 12 of the other, which is a little brighter."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [120, 12])
    images = rng.integers(0, 215, (132, size, size, 3), np.uint8) + 40 * labels[:, None, None, None]
    data = arrays.dataset_from_arrays(images.astype(np.uint8), labels, NAMES)
    return dataclasses.replace(data, class_weights=class_weights)


def test_a_network_that_always_answers_one_thing_is_seen_through():
    found = class_scores.scores(np.repeat([0, 1], [120, 2]), np.zeros(122, int), 2)
    told = class_scores.sentence(found.to_dict(NAMES))
    assert found.accuracy == found.majority_accuracy
    assert told == (
        "balanced accuracy 50.00 %; by class: ok 100.0 %, broken 0.0 %; always answering ok has "
        "98.36 %"
    )


def test_of_many_classes_the_lowest_are_told():
    labels = np.repeat(np.arange(20), 5)
    predicted = np.where(labels == 13, 0, labels)
    found = class_scores.scores(labels, predicted, 20).to_dict([f"c{i}" for i in range(20)])
    assert "; lowest of 20 classes: c13 0.0 %, c0 100.0 %" in class_scores.sentence(found)


@pytest.mark.parametrize(
    ("sizes", "kind", "words"),
    [
        ((600, 12), "none", "ok has 600 training images, broken 12.*--class_weights=balanced"),
        ((600, 12), "balanced", "lets every class count alike"),
        ((100, 40), "none", None),
        ((100, 0), "none", "broken 0"),
    ],
)
def test_classes_of_unequal_size_are_cautioned_about(sizes, kind, words):
    line = class_scores.caution(np.repeat([0, 1], sizes), NAMES, kind)
    assert line is None if words is None else re.search(words, line)


def test_balanced_weights_give_every_class_the_same_sum():
    labels = np.repeat([0, 2, 3], [60, 30, 10])
    weights = class_scores.weights(labels, 4, "balanced")
    np.testing.assert_allclose(np.bincount(labels, weights[labels])[[0, 2, 3]], 100 / 3, rtol=1e-6)
    assert weights[1] == 1.0 and class_scores.weights(labels, 4, "none") is None


def test_the_losses_of_search_and_training_are_weighted():
    weights = np.array([0.5, 3.0], np.float32)
    labels, logits = tf.constant([0, 1, 1], tf.int64), tf.constant([[1.0, 0], [2, 0], [0, 1]])
    net = supernet.Supernet(spaces.load_space("tiny").with_task(2, 16, 3))
    plain = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits).numpy()
    net.class_weights = weights
    expected = (plain * weights[labels.numpy()]).mean()
    np.testing.assert_allclose(net.cross_entropy(labels, logits), expected, rtol=1e-6)
    np.testing.assert_allclose(net.accuracy(labels, logits), 3.5 / 6.5, rtol=1e-6)
    loss = child_training._SmoothedCrossEntropy(2, 0.0, weights)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loss(labels, logits)), expected, rtol=1e-6
    )


def test_balanced_weights_find_the_rare_class(tmp_path):
    child = spaces.load_space("tiny").with_task(2, 16, 3).child([0, 1, 2])
    config = child_training.TrainConfig(
        epochs=6, batch_size=16, learning_rate=0.05, label_smoothing=0.0
    )
    found = {}
    for kind in class_scores.KINDS:
        data = uneven(kind)
        model = child_training.train(child, data, config, tmp_path / kind)
        predicted = child_training.predicted_classes(model, data.train)
        found[kind] = class_scores.scores(data.train.labels, predicted, 2).balanced_accuracy
    assert found["balanced"] > found["none"]


def test_a_search_knows_its_weights():
    data = uneven("balanced")
    assert "class_weights" in data.summary and "class_weights" not in uneven("none").summary
    assert data.weights_in(data.train)[1] > 4
