"""Tests that every latency model must pass: each kind fitted on synthetic rows, and pixel1."""

import dataclasses
import json

import made_rows
import made_spaces
import numpy as np
import pytest

import latency_models
from latency_models.measuring import network_selection, parts
from latency_models.models import published
from nas import files
from nas.architecture import counting, spaces
from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv

TINY = spaces.SPACES["tiny"]
ENVIRONMENT = {
    "device": "local",
    "runtime": "a runtime 1.0",
    "num_threads": 2,
    "delegate": "none",
}


def row(part, latency_ms):
    return made_rows.row(part, latency_ms, environment=ENVIRONMENT, space=TINY.name)


def fitted(kind, space=TINY, networks=TINY.cardinality):
    children = network_selection.sample_networks(space, networks)
    everything = parts.space_parts(space) + [parts.network_part(child) for child in children]
    rows = [row(part, 1e-6 * part.num_macs) for part in everything]
    model = latency_models.latency_model(kind)
    assert model.fit(rows, space) is model
    return model


def with_width_decisions(name):
    """A latency model and a space with more decisions than operations that it covers."""
    if name in published.TABLES:
        model = latency_models.load(name)
        space = spaces.SPACES[model.space_]
        *layers, last = space.layers
        width = last.output_width
        last = dataclasses.replace(last, output_width="last")
        widths = {"last": (width - 32, width)}
        return model, dataclasses.replace(space, layers=(*layers, last), widths=widths)
    space = made_spaces.small()
    return fitted(name, space, 24), space


KINDS = list(latency_models.LATENCY_MODELS)


@pytest.fixture(scope="module", params=[*KINDS, *published.TABLES])
def model(request):
    name = request.param
    return latency_models.load(name) if name in published.TABLES else fitted(name)


@pytest.fixture(scope="module")
def space(model):
    return spaces.SPACES[model.space_]


def some_children(space):
    generator = np.random.default_rng(0)
    for _ in range(12):
        yield space.child([int(generator.integers(count)) for count in space.option_counts])


def test_constructors_only_store(model):
    assert not [name for name in vars(type(model)()) if name.endswith("_")]


@pytest.mark.parametrize("kind", KINDS)
def test_predicts_what_it_was_shown(kind):
    model = fitted(kind)
    for child in some_children(TINY):
        assert model.predict(child) == pytest.approx(1e-6 * counting.num_macs(child), rel=0.05)


def test_slots_and_constant_add_up_to_predictions(model, space):
    slots, constant = model.slot_latencies(space)
    assert [len(v) for v in slots] == [len(slot.candidates) for slot in space.slots]
    assert all(np.isfinite(v).all() and (v >= 0.0).all() for v in slots)
    for child in some_children(space):
        chosen = zip(slots, space.choices(child), strict=True)
        total = constant + sum(v[j] for v, j in chosen)
        assert total == pytest.approx(model.predict(child), rel=1e-9)


@pytest.mark.parametrize("name", [*KINDS, *published.TABLES])
def test_costs_of_a_space_with_widths_and_resolutions_are_predictions(name):
    model, space = with_width_decisions(name)
    costs = model.costs(space)
    assert tuple(costs.counts) == space.option_counts
    totals = set()
    for child in some_children(space):
        total = costs.of(space.choices(child))
        assert total == pytest.approx(model.predict(child), rel=1e-9)
        totals.add(round(total, 9))
    assert len(totals) > 6
    with pytest.raises(ValueError, match="fixed widths and resolution"):
        model.slot_latencies(space)


def test_a_space_that_is_measured_in_part_needs_a_regression():
    small = made_spaces.small()
    kinds = [latency_models.suitable_kind(space) for space in (TINY, small, small.largest)]
    assert kinds == ["lookup_table", "regression", "lookup_table"]


def test_an_identity_costs_nothing_and_everything_else_something(model, space):
    slots, constant = model.slot_latencies(space)
    assert constant > 0.0
    for slot, latencies in zip(space.slots, slots, strict=True):
        assert [v == 0.0 for v in latencies] == [block.is_identity for block in slot.blocks]


def test_its_own_space_needs_no_caution(model, space):
    assert model.cautions(parts.space_parts(space)) == []


def test_evaluation_has_every_score(model):
    keys = {"count", "mape", "within_5", "within_10", "rmse_ms", "kendall_tau", "bias", "method"}
    assert keys <= set(model.evaluation_["networks"])
    assert keys <= set(model.evaluation_["blocks"])


def test_file_round_trip(model, space, tmp_path):
    model.save(tmp_path / "model.json")
    loaded = latency_models.load(tmp_path / "model.json")
    assert type(loaded) is type(model)
    assert loaded.to_dict() == json.loads(json.dumps(model.to_dict()))
    for child in some_children(space):
        assert loaded.predict(child) == model.predict(child)
    data = files.read_json(tmp_path / "model.json")
    assert data["kind"] == model.kind
    assert data["provenance"]["libraries"]
    names = {"space", "device", "recipe", "runtime", "num_threads", "delegate", "evaluation"}
    assert names <= set(data)


def test_only_the_measured_use_passes(model):
    own = {name: model.to_dict()[name] for name in ("device", "recipe", "num_threads")}
    model.check(**own)
    for change in ({"device": "adb"}, {"recipe": "float16"}, {"num_threads": 8}):
        with pytest.raises(ValueError, match=next(iter(change))):
            model.check(**{**own, **change})


def test_what_it_does_not_cover_is_refused_with_the_nearest(model, space):
    slot = space.slots[0]
    strange = Block(MBConv(11, 3), slot.input_width, slot.output_width, slot.stride)
    with pytest.raises(ValueError, match="k11 e3.*the nearest"):
        model.part_ms(parts.block_part(strange, space.input_resolutions[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_reference_is_kept_for_later_measurements(kind):
    assert fitted(kind).reference_ms_ == 1.0
    assert fitted(kind).evaluation_["networks"]["count"] == TINY.cardinality
