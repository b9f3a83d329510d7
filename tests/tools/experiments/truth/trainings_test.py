import dataclasses
import itertools

import pytest

from nas.architecture.spaces import width_multiplied
from nas.architecture.spaces.width_spaces import cifar_widths
from nas.choices import space_costs
from tools.experiments.truth import trainings

SPACE = cifar_widths()
COSTS = space_costs.macs_of(SPACE)
TARGET = COSTS.at(0.3)


def drawn(count, seed=0):
    return list(itertools.islice(trainings.draw(COSTS, TARGET, seed), count))


def test_different_networks_are_drawn_in_the_band():
    networks = drawn(200)
    assert len(set(networks)) == 200
    assert all(abs(COSTS.of(choices) / TARGET - 1.0) <= 0.03 for choices in networks)
    # More networks are the same ones and further ones; another seed draws others.
    assert drawn(20) == networks[:20]
    assert drawn(20, seed=1) != networks[:20]


def test_all_networks_of_the_band_are_drawn_equally_often():
    counts = dict.fromkeys(range(len(SPACE.slots[0].candidates)), 0)
    for choices in drawn(600):
        counts[choices[0]] += 1
    # Operations differ in cost, so not exactly; but none is left out.
    assert min(counts.values()) > 600 / len(counts) / 4


def test_a_band_of_few_networks_is_refused():
    with pytest.raises(ValueError, match="networks: expected at most 3 within 3% of "):
        list(trainings.draw(COSTS, COSTS.fastest_ms, 0))


def test_the_nearest_multiplied_width_is_found():
    nearest = trainings.nearest_width(SPACE, COSTS, TARGET)
    others = [COSTS.of(c) for c in width_multiplied.all_multiplied(SPACE)]
    assert abs(COSTS.of(nearest) - TARGET) == min(abs(cost - TARGET) for cost in others)
    assert COSTS.of(nearest) in others


def test_a_training_is_read_back(tmp_path):
    row = trainings.Training(
        *("drawn", 3, 0.02, 0.0201, (1, 2), 0, 0.75, 1000, 2000, {"space": "tiny"}, {})
    )
    path = tmp_path / "truth.jsonl"
    assert trainings.read(path) == []
    trainings.append(path, row)
    trainings.append(path, dataclasses.replace(row, seed=1))
    assert trainings.read(path) == [row, dataclasses.replace(row, seed=1)]
    # A line that a killed process left.
    path.write_bytes(path.read_bytes() + b'{"group": "dr')
    assert len(trainings.read(path)) == 2
    trainings.append(path, row)
    assert len(trainings.read(path)) == 3


@pytest.mark.parametrize("fault", ['{"group": "drawn"}', "[]", "nothing"])
def test_another_line_is_refused_by_its_number(tmp_path, fault):
    path = tmp_path / "truth.jsonl"
    path.write_text(fault + "\n")
    with pytest.raises(ValueError, match=r"truth.jsonl, line 1: .*expected .*received"):
        trainings.read(path)
