import dataclasses

import made_truth
import made_workdir
import pytest

from nas import files
from nas.architecture import spaces
from tools.experiments.truth import finished_search, found_trainings, networks


@pytest.fixture
def truth(tmp_path, tiny_model_file):
    """A truth that does not have the network of the search."""
    read = networks.read(made_truth.write(tmp_path / "truth", tiny_model_file))
    others = tuple(n for n in read.networks if n.row.choices != made_workdir.CHOICES)
    return dataclasses.replace(read, networks=others)


@pytest.fixture
def search(tmp_path, tiny_model_file, truth):
    path = made_truth.write_search(tmp_path / "w", tiny_model_file)
    return finished_search.read(path, truth)


@pytest.fixture
def trained(monkeypatch):
    """Replaces the trainings: the folders that were trained, of which the second one is killed."""
    done = []

    def train_together(group, asked, directory):
        assert asked["train_epochs"] == made_truth.SETTINGS["train_epochs"]
        for one in group:
            assert spaces.load_child(str(directory / one.child)).layers
            if len(done) == 1:
                done.append(None)
                raise KeyboardInterrupt
            done.append((one.folder, one.seed))
            result = {"schema_version": 1, "test_accuracy": 0.5 + 0.1 * one.seed, "provenance": {}}
            files.write_json(directory / one.folder / "train/result.json", result)

    monkeypatch.setattr(found_trainings.compared_child, "train_together", train_together)
    monkeypatch.setattr(found_trainings.subcommand, "core_count", lambda: 1)
    monkeypatch.setattr(found_trainings.sources, "prepare", lambda *given, **named: None)
    monkeypatch.setattr(found_trainings.data_flags, "DATA_DIR", made_truth.NoFlag())
    return done


def test_a_network_is_trained_as_often_as_the_truths_and_resumed(tmp_path, truth, search, trained):
    folder = tmp_path / "judged"
    missing = found_trainings.missing(truth, [search, search], folder)
    # Two searches that found one network share its trainings.
    assert [seed for _, seed in missing] == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        found_trainings.train(missing, truth, folder)
    assert found_trainings.accuracies(truth, search.choices, folder) == {0: 0.5}
    missing = found_trainings.missing(truth, [search], folder)
    assert [seed for _, seed in missing] == [1]
    found_trainings.train(missing, truth, folder)
    assert found_trainings.accuracies(truth, search.choices, folder) == {0: 0.5, 1: 0.6}
    assert found_trainings.missing(truth, [search], folder) == []
    assert len(trained) == 3


def test_a_network_of_the_truth_is_not_trained_again(tmp_path, truth, search):
    row = dataclasses.replace(truth.networks[0].row, choices=search.choices)
    known = networks.Network(row, {0: 0.7, 1: 0.72})
    truth = dataclasses.replace(truth, networks=(*truth.networks, known))
    assert found_trainings.missing(truth, [search], tmp_path) == []
    assert found_trainings.accuracies(truth, search.choices, tmp_path) == known.accuracies


def test_a_damaged_result_is_named(tmp_path, truth, search):
    folder = tmp_path / "judged"
    for number in range(2):
        path = folder / found_trainings._folder(search.choices, number) / "train/result.json"
        files.write_bytes(path, b"{")
    with pytest.raises(ValueError, match="result.json"):
        found_trainings.missing(truth, [search], folder)
