import dataclasses
import math

import made_truth
import pytest

from nas.architecture import spaces
from nas.choices import work
from tools.experiments.truth import networks, scores


@pytest.fixture(scope="module")
def truth(tmp_path_factory, tiny_model_file):
    return networks.read(made_truth.write(tmp_path_factory.mktemp("truth"), tiny_model_file))


def test_depth_counts_slots_that_are_not_skipped():
    space = spaces.load_space("tiny")
    assert scores.depth(space, (0, 1, 0)) == 3
    assert scores.depth(space, (1, 1, 2)) == 2
    # Choices of widths follow, and are no slots.
    wide = spaces.load_space("cifar_widths")
    assert scores.depth(wide, [0] * len(wide.option_counts)) == len(wide.slots)


def test_simple_scores_are_those_of_the_row(truth):
    row = dataclasses.replace(truth.networks[0].row, choices=(0, 0, 2), macs=400, params=25)
    found = {score.title: score.of(row) for score in scores.simple(truth)}
    assert found == {
        "depth": 2, "MACs": 400, "parameters": 25, "work": pytest.approx(math.log(2000.0))
    }  # fmt: skip


def test_work_is_that_of_the_space(truth):
    """The row's counts are those by which a search finds the network of most work."""
    import made_workdir

    row = truth.networks[5].row
    own = work.Work(made_workdir.space()).log(row.choices)
    assert work.log_of(row.macs, row.params) == pytest.approx(own)


def test_networks_of_another_space_are_refused(truth):
    row = dataclasses.replace(truth.networks[0].row, choices=(0, 0, 3))
    other = dataclasses.replace(truth, networks=(networks.Network(row, {0: 0.5}),))
    with pytest.raises(ValueError, match=r"expected networks of the space tiny, .*\[0, 0, 3\]"):
        scores.simple(other)
