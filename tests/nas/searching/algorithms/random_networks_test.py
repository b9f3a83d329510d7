import dataclasses
import json
import types

import numpy as np
import pytest

from nas import files
from nas.architecture import spec_json
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import Child, SearchSpace
from nas.choices.candidate_costs import Latencies
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit
from nas.searching import search
from nas.searching.algorithms.random_networks import RandomNetworks
from nas.searching.search_config import SearchConfig
from nas.training import child_training

SPACE = SearchSpace(
    name="two_slots",
    resolution=8,
    num_classes=2,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, 4, (MBConv(3, 1), MBConv(3, 2), Skip())),
        Slot(4, 6, (MBConv(3, 1), MBConv(5, 1)), 2),
    ),
    head=Head(6),
)
LATENCIES = Latencies([np.array([2.0, 3.0, 0.0]), np.array([1.0, 2.0])], 1.0)
CONFIG = SearchConfig(
    algorithm="random", epochs=7, warmup_epochs=1, batch_size=5, random_networks=3
)


@pytest.fixture
def dataset():
    def split(name, count):
        return MemorySplit(
            np.zeros((count, 8, 8, 3), np.uint8), np.arange(count) % 2, name, np.arange(count)
        )

    return Dataset("black", ("a", "b"), split("train", 20), split("train", 6), split("test", 4))


@pytest.fixture
def trainings(monkeypatch):
    """Replaces training by fixed accuracies; returns the list of the requested trainings."""
    asked = []

    def train(network, dataset, config, directory, *rest):
        asked.append((network, dataset, config))
        (directory / "checkpoints").mkdir(parents=True)
        # The file that it saves says which network it is.
        content = spec_json.to_dict(network)
        return types.SimpleNamespace(save=lambda path: files.write_json(path, content))

    accuracies = [0.4, 0.9, 0.6]

    def evaluate(model, split, class_weights, track):
        assert len(split) == 6 and class_weights is None
        return accuracies[len(asked) - 1]

    monkeypatch.setattr(child_training, "train", train)
    monkeypatch.setattr(child_training, "evaluate", evaluate)
    return asked


def run(dataset, directory, **changes):
    config = dataclasses.replace(CONFIG, **changes)
    latencies = LATENCIES if config.target else None
    return search.search(SPACE, dataset, latencies, config, directory)


def test_every_network_gets_an_equal_share_of_the_epochs_and_the_training_part_alone(
    dataset, trainings, tmp_path
):
    found = run(dataset, tmp_path)
    assert [config.epochs for _, _, config in trainings] == [2, 2, 2]
    for _, used, config in trainings:
        np.testing.assert_array_equal(used.train_and_validation.positions, dataset.train.positions)
        assert (config.batch_size, config.learning_rate) == (5, CONFIG.learning_rate)
    # The best of three different networks is chosen.
    networks = [SPACE.choices(network) for network, *_ in trainings]
    assert len(set(networks)) == 3
    assert found.choices == networks[1] and found.validation_accuracy == 0.9
    kept = json.loads((tmp_path / "child.keras").read_text())
    assert SPACE.choices(spec_json.from_dict(Child, kept)) == networks[1]
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [2, 4, 6]
    assert [row["validation_accuracy"] for row in rows] == [0.4, 0.9, 0.6]
    assert not list(tmp_path.glob("network_*/checkpoints"))


def test_the_target_is_a_limit(dataset, trainings, tmp_path):
    run(dataset, tmp_path, target=3.0, random_networks=2)
    drawn = {SPACE.choices(network) for network, *_ in trainings}
    # Only these two keep to the limit; (0, 0) takes 4 ms.
    assert drawn == {(2, 0), (2, 1)}
    assert all(LATENCIES.of(choices) <= 3.0 for choices in drawn)


def test_more_networks_than_epochs_are_refused():
    with pytest.raises(ValueError, match="random_networks: expected at most 8, .*received 9"):
        RandomNetworks(dataclasses.replace(CONFIG, random_networks=9))


def test_more_networks_than_exist_are_refused_before_any_training(dataset, trainings, tmp_path):
    with pytest.raises(ValueError, match="random_networks: expected at most 6, .*received 7"):
        run(dataset, tmp_path / "search", random_networks=7)
    assert not trainings and not list(tmp_path.iterdir())


def test_an_optimizer_that_children_are_not_trained_with_is_refused():
    with pytest.raises(ValueError, match="optimizer: expected sgd .* received adamw"):
        RandomNetworks(dataclasses.replace(CONFIG, optimizer="adamw"))
