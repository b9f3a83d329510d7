"""Tests that every space of the package must pass."""

import json

import numpy as np
import pytest

from nas import files
from nas.architecture import counting, spaces, spec_json
from nas.architecture.specs import Child
from nas.layers import keras_network

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", params=spaces.SPACES.values(), ids=lambda space: space.name)
def space(request):
    return request.param


def some_choices(space):
    counts = [len(slot.candidates) for slot in space.slots]
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


def test_costs_add_up_over_slots_and_differ(space):
    for of_block, of_child in (
        (counting.block_macs, counting.num_macs),
        (lambda block, _: counting.block_params(block), counting.num_params),
    ):
        slots, constant = counting.by_candidate(space, of_block, of_child)
        for choices in some_choices(space):
            chosen = zip(slots, choices, strict=True)
            total = constant + sum(values[choice] for values, choice in chosen)
            assert total == of_child(space.child(choices))
        assert all(np.ptp(values) > 0 for values in slots)


def test_it_takes_the_task_of_a_data_set(space):
    other = space.with_task(7, space.resolution + 5, 1)
    assert (other.num_classes, other.input_shape) == (
        7,
        (space.resolution + 5, space.resolution + 5, 1),
    )
    assert other.cardinality == space.cardinality


def test_its_children_are_built_as_they_are_counted(space):
    small = space.with_task(3, 32)
    for choices in list(some_choices(small))[:2]:
        child = small.child(choices)
        model = keras_network.build_child(child)
        assert model.output_shape == (None, 3)
        values = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        assert values == counting.num_params(child)
