import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_models.measuring import measurements, parts
from latency_models.measuring.measurements import Measurement

ROW = Measurement(
    key=parts.key_of("block", 16, {"kernel_size": 3}),
    kind="block",
    label="k3 e3, 8 -> 8",
    recipe="int8",
    latency_ms=0.5,
    p10_ms=0.4,
    p90_ms=0.7,
    count=20,
    coefficient_of_variation=0.02,
    relative_latency=2.0,
    half_relative_latencies=(1.9, 2.1),
    reference="network-0123456789ab",
    reference_ms=0.25,
    environment={"device": "local", "num_threads": 1},
    spec={"kernel_size": 3},
    resolution=16,
)


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    second = dataclasses.replace(ROW, key="file-1", spec=None, resolution=None, recipe=None)
    measurements.append(path, [ROW])
    measurements.append(path, [second])
    assert measurements.read(path) == [ROW, second]


def test_no_file_is_no_rows(tmp_path):
    assert measurements.read(tmp_path / "none.jsonl") == []


@given(kept=st.integers(0, 100))
def test_a_row_cut_short_anywhere_is_dropped_and_written_over(kept, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "rows.jsonl"
    measurements.append(path, [ROW, ROW])
    content = path.read_bytes()
    row_length = len(content) // 2
    # With its whole text, a row without its line break is complete.
    path.write_bytes(content[: row_length + kept * (row_length - 2) // 100])
    assert measurements.read(path) == [ROW]
    measurements.append(path, [ROW])
    assert path.read_bytes() == content


def test_a_last_row_without_its_line_break_stays(tmp_path):
    path = tmp_path / "rows.jsonl"
    measurements.append(path, [ROW, ROW])
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert measurements.read(path) == [ROW, ROW]
    measurements.append(path, [ROW])
    assert path.read_bytes() == content + content[: len(content) // 2]


def test_a_row_whose_part_is_not_that_of_its_key_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    measurements.append(path, [dataclasses.replace(ROW, spec={"kernel_size": 5})])
    with pytest.raises(ValueError, match=f"rows.jsonl, line 1: spec: expected .*{ROW.key}"):
        measurements.read(path)


@pytest.mark.parametrize(
    "key, value",
    [("latency_ms", 0.0), ("latency_ms", "fast"), ("count", 0), ("kind", "layer"), ("extra", 1)],
)
def test_a_bad_row_is_refused_with_line_and_field(key, value, tmp_path):
    path = tmp_path / "rows.jsonl"
    measurements.append(path, [ROW])
    bad = json.dumps({**dataclasses.asdict(ROW), key: value})
    with open(path, "a") as file:
        file.write(bad + "\n")
    with pytest.raises(ValueError, match=rf"rows.jsonl, line 2: {key}"):
        measurements.read(path)


def test_other_text_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("latency,ms\n")
    with pytest.raises(ValueError, match="line 1"):
        measurements.read(path)


def test_nothing_but_finite_numbers_is_accepted():
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError):
            dataclasses.replace(ROW, latency_ms=value)


def test_normalized_latency_follows_the_reference():
    # Twice the reference model; where that takes 0.3 ms, the model takes 0.6 ms.
    assert ROW.normalized_ms(0.3) == pytest.approx(0.6)


def test_a_row_is_for_its_own_recipe_and_environment_only():
    assert ROW.is_for("int8", {"num_threads": 1, "device": "local"})
    assert not ROW.is_for("float32", ROW.environment)
    assert not ROW.is_for("int8", {**ROW.environment, "num_threads": 2})


def test_a_file_is_known_by_its_content_whatever_its_name(tmp_path):
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    first.write_bytes(b"network")
    second.write_bytes(b"network")
    assert measurements.file_key(first) == measurements.file_key(second) == "file-3009be769fb8"
    second.write_bytes(b"another")
    assert measurements.file_key(first) != measurements.file_key(second)
