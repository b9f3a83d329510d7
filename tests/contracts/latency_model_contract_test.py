"""What every kind of latency model promises, on one small synthetic machine."""

import json

import numpy as np
import pytest

import latency_models
from latency_models import block_benchmarks, parts
from latency_models.measurements import Measurement
from nas import costs, files, spaces

SPACE = spaces.SPACES["tiny"]
ENVIRONMENT = {
    "device": "local",
    "runtime": "a runtime 1.0",
    "num_threads": 2,
    "delegate": "none",
}


def row(part, latency_ms):
    return Measurement(
        key=part.key,
        kind=part.kind,
        label=part.label,
        recipe="int8",
        latency_ms=latency_ms,
        p10_ms=latency_ms,
        p90_ms=latency_ms,
        count=10,
        coefficient_of_variation=0.0,
        relative_latency=latency_ms,
        half_relative_latencies=(latency_ms, latency_ms),
        reference="network-reference",
        reference_ms=1.0,
        environment=ENVIRONMENT,
        spec=part.spec,
        resolution=part.resolution,
        space=SPACE.name,
    )


@pytest.fixture(params=latency_models.LATENCY_MODELS)
def model(request):
    children = block_benchmarks.sample_networks(SPACE, SPACE.cardinality)
    everything = parts.space_parts(SPACE) + [parts.network_part(child) for child in children]
    rows = [row(part, 1e-6 * part.num_macs) for part in everything]
    model = latency_models.latency_model(request.param)
    assert model.fit(rows, SPACE) is model
    return model


def test_constructors_only_store(model):
    assert not [name for name in vars(type(model)()) if name.endswith("_")]


def test_predicts_what_it_was_shown(model):
    for choice in ([0, 0, 0], [1, 1, 1], [0, 1, 2]):
        child = SPACE.child(choice)
        assert model.predict(child) == pytest.approx(1e-6 * costs.num_macs(child), rel=0.05)


def test_slots_and_constant_add_up_to_predictions(model):
    slots, constant = model.slot_latencies(SPACE)
    for choice in np.ndindex(*[len(v) for v in slots]):
        total = constant + sum(v[j] for v, j in zip(slots, choice, strict=True))
        assert total == pytest.approx(model.predict(SPACE.child(choice)), rel=1e-9)


def test_evaluation_has_every_score(model):
    keys = {"count", "mape", "within_5", "within_10", "rmse_ms", "kendall_tau", "bias"}
    assert keys <= set(model.evaluation_["networks"])
    assert keys <= set(model.evaluation_["blocks"])
    assert model.evaluation_["networks"]["count"] == SPACE.cardinality


def test_file_round_trip(model, tmp_path):
    model.save(tmp_path / "model.json")
    loaded = latency_models.load(tmp_path / "model.json")
    assert type(loaded) is type(model)
    assert loaded.to_dict() == json.loads(json.dumps(model.to_dict()))
    child = SPACE.child([1, 1, 1])
    assert loaded.predict(child) == model.predict(child)
    data = files.read_json(tmp_path / "model.json")
    assert data["kind"] == model.kind
    assert data["provenance"]["libraries"]


def test_only_the_measured_use_passes(model):
    model.check(device="local", recipe="int8", num_threads=2)
    for change in ({"device": "adb"}, {"recipe": "float32"}, {"num_threads": 1}):
        with pytest.raises(ValueError, match=next(iter(change))):
            model.check(**{"device": "local", "recipe": "int8", "num_threads": 2, **change})


def test_reference_is_kept_for_later_measurements(model):
    assert model.reference_ms_ == 1.0
