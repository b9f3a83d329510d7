"""Tests that every space of the package must pass."""

import json

import numpy as np
import pytest

from nas import files
from nas.architecture import counting, spaces, spec_json
from nas.architecture.specs import Child
from nas.choices import space_costs
from nas.layers import keras_network

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", params=spaces.SPACES.values(), ids=lambda space: space.name)
def space(request):
    return request.param


def some_choices(space):
    counts = space.option_counts
    yield from ([0] * len(counts), [n - 1 for n in counts])
    yield from ([int(RNG.integers(n)) for n in counts] for _ in range(8))


def test_its_name_leads_to_it(space):
    assert spaces.load_space(space.name) is space


def test_it_is_written_and_read_back(space, tmp_path):
    path = tmp_path / "space.json"
    files.write_json(path, spec_json.to_dict(space))
    assert spaces.load_space(str(path)) == space


def test_every_choice_makes_a_child_that_leads_back_to_it(space):
    for choices in some_choices(space):
        child = space.child(choices)
        assert list(space.choices(child)) == choices
        data = json.loads(json.dumps(spec_json.to_dict(child)))
        assert spec_json.from_dict(Child, data) == child


def test_costs_add_up_over_layers_and_differ(space):
    costs = [
        (space_costs.macs_of(space), counting.num_macs),
        (space_costs.params_of(space), counting.num_params),
        (space_costs.bytes_of(space, 1, 16), lambda child: counting.num_bytes(child, 1, 16)),
    ]
    assert all(own.counts == list(space.option_counts) for own, _ in costs)
    for choices in some_choices(space):
        found = [own.of(choices) for own, _ in costs]
        assert found == [of_child(space.child(choices)) for _, of_child in costs]
        for row, count in enumerate(space.option_counts):
            changed = [*choices[:row], (choices[row] + 1) % count, *choices[row + 1 :]]
            # One of them may be equal by chance.
            assert [own.of(changed) for own, _ in costs] != found


def test_it_takes_the_task_of_a_data_set(space):
    size = space.largest_resolution + 5
    other = space.with_task(7, size, 1)
    assert (other.num_classes, other.input_shape) == (7, (size, size, 1))
    assert other.cardinality == space.cardinality


def test_its_children_are_built_as_they_are_counted(space):
    small = space.with_task(3, 32)
    for choices in list(some_choices(small))[:2]:
        child = small.child(choices)
        model = keras_network.build_child(child)
        assert model.output_shape == (None, 3)
        values = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        assert values == counting.num_params(child)
