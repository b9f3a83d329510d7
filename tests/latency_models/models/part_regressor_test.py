"""The regressor on data with known coefficients, and on the published Pixel 1 blocks."""

import dataclasses
import json

import numpy as np
import pydantic
import pytest

import latency_models
from latency_models.measuring import features, parts
from latency_models.models import evaluation, part_regressor
from latency_models.models.part_regressor import PartRegressor
from nas.architecture import spaces

IMAGENET = spaces.SPACES["proxyless_imagenet"]


def rows_of(places):
    return np.array([features.features(p.kind, p.spec, p.resolution) for p in places])


@pytest.fixture(scope="module")
def pixel1():
    """Features, latencies and shapes of the published blocks."""
    entries = list(latency_models.load("pixel1").entries_.values())
    shapes = [
        features.shape(e.kind, e.spec, e.resolution) if e.kind == "block" else None for e in entries
    ]
    return rows_of(entries), np.array([e.latency_ms for e in entries]), shapes


def test_recovers_a_machine_that_is_linear_in_work():
    rows = rows_of(parts.space_parts(IMAGENET))
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.5, 1.0, len(features.FEATURES)) / np.maximum(rows.max(axis=0), 1.0)
    model = part_regressor.fit(rows, rows @ truth)
    # One stem and one head do not tell apart what they do; blocks do.
    others = parts.space_parts(spaces.SPACES["cifar"].with_task(10, 64))
    elsewhere = rows_of([part for part in others if part.kind == "block"])
    assert model.predict(elsewhere) == pytest.approx(elsewhere @ truth, rel=0.02)


def test_more_work_never_takes_less_time(pixel1):
    rows, latency, _ = pixel1
    model = part_regressor.fit(rows, latency)
    assert min(model.coefficients) >= 0.0
    more = rows * np.random.default_rng(0).uniform(1.0, 3.0, rows.shape)
    assert (model.predict(more) >= model.predict(rows)).all()


def test_published_blocks_of_unseen_shapes_are_predicted(pixel1):
    rows, latency, shapes = pixel1
    random = part_regressor.held_out(rows, latency, shapes, by_group=False)
    unseen = part_regressor.held_out(rows, latency, shapes, by_group=True)
    assert len(unseen.latency_ms) == len(random.latency_ms) == 69
    # Ordinary least squares on the same features is off by 10 % on unseen shapes.
    assert evaluation.scores(random.predicted_ms, random.latency_ms)["mape"] < 0.06
    scores = evaluation.scores(unseen.predicted_ms, unseen.latency_ms)
    assert scores["mape"] < 0.08
    assert scores["kendall_tau"] > 0.9


def test_deviations_of_unseen_shapes_are_as_large_as_it_says(pixel1):
    rows, latency, shapes = pixel1
    unseen = part_regressor.held_out(rows, latency, shapes, by_group=True)
    deviation = unseen.error * np.sqrt(1.0 + unseen.leverage)
    off = np.abs(unseen.predicted_ms / unseen.latency_ms - 1.0) / deviation
    assert 0.55 < (off < 1.0).mean() < 0.9
    assert (off < 2.0).mean() > 0.9


def test_uncertainty_grows_with_the_distance_from_what_was_measured(pixel1):
    rows, latency, _ = pixel1
    model = part_regressor.fit(rows, latency, error=0.1)
    near = rows[30:31]
    far = near.copy()
    far[0, features.FEATURES.index("expanded_values")] *= 100.0
    relative = [float(model.deviation_ms(x)[0] / model.predict(x)[0]) for x in (near, far)]
    assert 0.1 <= relative[0] < relative[1]


def test_the_measured_range_is_kept(pixel1):
    rows, latency, _ = pixel1
    model = part_regressor.fit(rows, latency)
    assert not any(model.outside(row) or model.unknown(row) for row in rows)
    row = rows[10].copy()
    row[features.FEATURES.index("weights")] = 1e9
    (words,) = model.outside(row)
    assert words.startswith("weights 1e+09 above ")
    row[features.FEATURES.index("depthwise_9x9_macs")] = 1.0
    assert model.unknown(row) == ["depthwise_9x9_macs"]


def test_what_only_large_parts_do_is_outside_and_not_unknown(pixel1):
    rows, latency, _ = pixel1
    place = features.FEATURES.index("general_far_inputs")
    model = part_regressor.fit(rows[rows[:, place] == 0.0], latency[rows[:, place] == 0.0])
    row = rows[rows[:, place] > 0.0][0]
    assert model.unknown(row) == []
    assert model.outside(row)[0] == f"general_far_inputs {row[place]:.3g} above 0"


def test_blocks_of_one_shape_are_refused():
    rows = np.ones((3, len(features.FEATURES)))
    with pytest.raises(ValueError, match="at least two shapes, received 1"):
        part_regressor.held_out(rows, np.ones(3), ["a", "a", "a"], by_group=True)


@pytest.mark.parametrize(
    "length",
    [features.NUM_FIRST_FEATURES, features.NUM_BEFORE_TAILS, features.NUM_BEFORE_NARROW],
)
def test_a_model_from_before_the_last_features_predicts_as_it_did(pixel1, length):
    rows, latency, _ = pixel1
    fitted = dataclasses.asdict(part_regressor.fit(rows, latency, error=0.1))
    old = {name: x[:length] if isinstance(x, list) else x for name, x in fitted.items()}
    old["covariance"] = [row[:length] for row in old["covariance"]]
    text = json.dumps(old)
    model = pydantic.TypeAdapter(PartRegressor).validate_json(text, strict=True)
    assert model.predict(rows) == pytest.approx(rows[:, :length] @ old["coefficients"], rel=1e-12)
    assert np.isfinite(model.deviation_ms(rows)).all()
    assert not any(model.outside(row) or model.unknown(row) for row in rows)
    squeezed = rows[10].copy()
    squeezed[features.FEATURES.index("squeezed_values")] = 1.0
    assert model.unknown(squeezed) == ["squeezed_values"]
    again = pydantic.TypeAdapter(PartRegressor).validate_json(json.dumps(dataclasses.asdict(model)))
    assert again == model


def test_rests_that_no_measured_part_had_are_outside_and_not_unknown(pixel1):
    rows, latency, _ = pixel1
    model = part_regressor.fit(rows, latency)
    row = rows[10].copy()
    row[features.FEATURES.index("depthwise_tails")] = 9.0
    assert model.unknown(row) == []
    assert model.outside(row)[0] == "depthwise_tails 9 above 0"
