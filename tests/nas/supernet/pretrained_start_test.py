"""Searches whose supernet begins with the weights of a network of its space."""

import dataclasses

import kept_networks
import keras
import numpy as np
import pytest
from interrupts import InterruptAt

from nas import files
from nas.architecture import spec_json
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.data import batching, loading
from nas.layers import keras_network
from nas.searching import search
from nas.searching.search_config import SearchConfig
from nas.supernet import pretrained_start
from nas.supernet.supernet import Supernet
from nas.training import closed_form_head

SPACE = SearchSpace(
    name="small",
    resolution=(20, 28),
    num_classes=10,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, "w", (MBConv(3, 2), MBConv(5, 3)), 2),
        Slot("w", "w", (MBConv(3, 2), MBConv(5, 3), Skip())),
    ),
    head=Head(16),
    input_channels=1,
    widths={"w": (4, 8)},
)
CHOICES = (1, 0, 1, 1)
STEPS = 4


@pytest.fixture(scope="module")
def dataset(fashion_data_dir):
    return loading.load(
        "fashion_mnist", fashion_data_dir, validation_size=40, max_train_examples=70
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The file of a network of the space with three classes."""
    folder = tmp_path_factory.mktemp("seed")
    child = SPACE.child(CHOICES).with_task(3)
    keras.utils.set_random_seed(1)
    keras_network.build_child(child).save(folder / "child.keras")
    files.write_json(folder / "child.json", spec_json.to_dict(child))
    return folder / "child.keras"


def config(weights, **changes):
    settings = {"epochs": 2, "warmup_epochs": 1, "batch_size": 16, "arch_period": 2}
    return SearchConfig(**settings | {"init": str(weights)} | changes)


def test_the_classifier_is_fitted_to_the_features_of_the_seed(dataset, weights):
    seed = pretrained_start.seed_of(SPACE, str(weights))
    assert pretrained_start.choices_of(SPACE, seed) == CHOICES
    net = Supernet(SPACE, pretrained=seed)
    pretrained_start.fit_classifier(net, seed, dataset.train)
    model = keras.saving.load_model(weights, compile=False)
    features = keras.Model(model.inputs, model.get_layer("logits").input)
    split = dataset.train
    x = features.predict(batching.to_float(split.pixels(np.arange(len(split)))), verbose=0)
    kernel, bias = closed_form_head.fit(x, split.labels, 10)
    np.testing.assert_allclose(net.classifier.kernel, kernel, rtol=0.02, atol=0.02)
    np.testing.assert_allclose(net.classifier.bias, bias, rtol=0.02, atol=0.02)


def test_a_classifier_of_as_many_classes_is_kept(dataset, weights):
    space = dataclasses.replace(SPACE, num_classes=3)
    seed = pretrained_start.seed_of(space, str(weights))
    net = Supernet(space, pretrained=seed)
    pretrained_start.fit_classifier(net, seed, dataset.train)
    np.testing.assert_array_equal(net.classifier.kernel, seed.weights.classifier[0])


def test_sampled_paths_are_the_seed_with_a_few_changes(weights):
    seed = pretrained_start.seed_of(SPACE, str(weights))
    supernet = Supernet(SPACE, 0, pretrained=seed)
    equal = supernet.probabilities
    pretrained_start.prefer_seed(supernet, seed)
    p = supernet.probabilities
    for row, (choice, count) in enumerate(zip(CHOICES, SPACE.option_counts, strict=True)):
        if row == SPACE.resolution_row:
            np.testing.assert_array_equal(p[row], equal[row])
            continue
        assert p[row, choice] == pytest.approx(0.75, abs=2e-3)
        others = np.delete(p[row, :count], choice)
        np.testing.assert_allclose(others, 0.25 / (count - 1), rtol=1e-2)


def test_the_seed_at_every_resolution_of_the_space(weights):
    seed = pretrained_start.seed_of(SPACE, str(weights))
    found = [SPACE.child(c) for c in pretrained_start.at_every_resolution(SPACE, seed)]
    assert [child.resolution for child in found] == [20, 28]
    own = SPACE.child(CHOICES)
    assert all(child.layers == own.layers and child.head == own.head for child in found)
    one_size = dataclasses.replace(SPACE, resolution=28)
    assert len(pretrained_start.at_every_resolution(one_size, seed)) == 1


def test_an_interrupted_search_gives_the_same_result(dataset, weights, tmp_path):
    settings = config(weights)
    with kept_networks.kept():
        whole = search.search(SPACE, dataset, None, settings, tmp_path / "whole")
        with pytest.raises(KeyboardInterrupt):
            stop = [InterruptAt(STEPS + 2)]
            search.search(SPACE, dataset, None, settings, tmp_path / "cut", stop)
        again = search.search(SPACE, dataset, None, settings, tmp_path / "cut")
    assert again.choices == whole.choices
    np.testing.assert_array_equal(again.probabilities, whole.probabilities)
    rows = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "cut")]
    assert rows[0] == rows[1]


def test_other_weights_in_the_same_file_are_another_search(dataset, weights):
    def identity(init):
        task, _ = search.prepare(SPACE, dataset, None, config(init), search.Distribution())
        return task.identity

    before = identity(weights)
    model = keras.saving.load_model(weights, compile=False)
    kept = weights.read_bytes()
    model.set_weights([1.5 * w for w in model.get_weights()])
    model.save(weights)
    assert identity(weights) != before
    weights.write_bytes(kept)
    assert identity(weights) == before
    assert "pretrained" not in identity("random") and "init" not in identity("random")["settings"]


def test_what_cannot_begin_so_is_refused(dataset, weights):
    narrow = dataclasses.replace(SPACE, widths={"w": (4, 12)})
    cases = [
        (narrow, {}, "expected one of \\[4, 12\\] for the width w, received 8"),
        (SPACE, {"algorithm": "random", "random_networks": 3}, "which trains no supernet"),
        (SPACE, {"init": "imagenet"}, "the ones with public weights"),
        (SPACE, {"init": "no.keras"}, "found no file no.keras"),
    ]
    for space, changes, text in cases:
        with pytest.raises(ValueError, match=text):
            search.prepare(space, dataset, None, config(weights, **changes), search.Distribution())
