import dataclasses
import json

import made_truth
import pytest

from nas import files, reading
from tools.experiments.truth import networks, trainings


@pytest.fixture
def folder(tmp_path, tiny_model_file):
    return made_truth.write(tmp_path / "truth", tiny_model_file)


def change_line(folder, line, /, **values):
    """Changes fields of one line of the truth, counted from 1."""
    path = folder / trainings.FILE_NAME
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[line - 1] |= values
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_trainings_of_a_network_are_put_together(folder):
    truth = networks.read(folder)
    assert networks.read(folder / "truth.jsonl") == truth
    assert len(truth.networks) == 13
    assert truth.targets == (made_truth.TARGET_MS,)
    assert truth.seeds == (0, 1)
    assert truth.settings.train_epochs == 1
    one = truth.drawn("all")[4]
    assert one.row.choices == made_truth.CHOICES[4]
    assert one.mean == pytest.approx((one.accuracies[0] + one.accuracies[1]) / 2)
    assert list(truth.widths()) == [made_truth.TARGET_MS]


def test_halves_are_even_and_odd_numbers(folder):
    truth = networks.read(folder)
    numbers = {half: [n.row.number for n in truth.drawn(half)] for half in networks.HALVES}
    assert numbers["develop"] == [0, 2, 4, 6, 8, 10]
    assert numbers["report"] == [1, 3, 5, 7, 9, 11]
    assert numbers["all"] == list(range(12))
    assert truth.drawn("all", 1.0) == []


def test_networks_of_two_targets_are_apart(folder, tiny_model_file):
    made_truth.write(folder, tiny_model_file, target_ms=0.08)
    truth = networks.read(folder)
    assert truth.targets == (0.06, 0.08)
    assert len(truth.drawn("report")) == 12
    assert len(truth.drawn("report", 0.08)) == 6


def test_too_few_networks_of_a_half_are_refused(folder):
    truth = networks.read(folder)
    few = dataclasses.replace(truth, networks=truth.networks[:5])
    few.check_half("all")
    expected = r"expected at least 3 drawn networks for 0.06 ms with --half=report, received 2; use"
    with pytest.raises(ValueError, match=expected):
        few.check_half("report")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": {"space": "cifar"}}, "line 3: settings: expected those of line 1"),
        ({"number": 0}, r"line 3: choices: expected \[0, 0, 0\] as before, received \[0, 0, 1\]"),
        ({"number": 0, "choices": [0, 0, 0]}, "line 3: predicted_ms: expected 0.0"),
    ],
)
def test_lines_that_contradict_each_other_are_refused(folder, changed, message):
    change_line(folder, 3, **changed)
    with pytest.raises(reading.FileFault, match=f"truth.jsonl, {message}"):
        networks.read(folder)


def test_a_seed_twice_is_refused(folder):
    change_line(folder, 14, seed=0)
    with pytest.raises(reading.FileFault, match="line 14: seed: expected every seed once"):
        networks.read(folder)


def test_missing_flags_are_named(folder):
    settings = {k: v for k, v in made_truth.SETTINGS.items() if k != "train_epochs"}
    for number in range(1, 26):
        change_line(folder, number, settings=settings)
    with pytest.raises(reading.FileFault, match="settings.train_epochs: expected a value"):
        networks.read(folder)


def test_a_truth_without_trainings_or_flags_is_refused(folder):
    files.write_json(folder / "config.json", {"schema_version": 1, "search": {}})
    with pytest.raises(reading.FileFault, match="config.json: make_truth: expected the flags"):
        networks.read(folder)
    (folder / "truth.jsonl").write_text("")
    for path in (folder, folder / "none"):
        with pytest.raises(reading.FileFault, match="expected trainings of networks, received"):
            networks.read(path)
