import dataclasses

import pytest

import latency_models
from latency_models.measuring import measurements, resolution_times
from nas.architecture import spaces

CHILD = spaces.SPACES["tiny"].child([0, 1, 2])


def test_a_network_is_timed_at_each_resolution_once(tmp_path):
    device = latency_models.device("local")
    short = dataclasses.replace(device.plan, rounds=2, min_rounds=2)
    path = tmp_path / "rows.jsonl"
    found = resolution_times.measure(
        CHILD, "float32", device, path, resolutions=(16, 24), plan=short
    )
    rows = {row.resolution: row for row in measurements.read(path)}
    assert {size: row.latency_ms for size, row in rows.items()} == found
    assert {row.kind for row in rows.values()} == {"network"} and set(found) == {16, 24}
    before = path.read_bytes()
    again = resolution_times.measure(
        CHILD, "float32", device, path, resolutions=(16, 24), plan=short
    )
    assert again == found and path.read_bytes() == before


def test_the_largest_resolution_within_a_target():
    times = {96: 1.0, 128: 2.0, 160: 1.9, 224: 4.0}
    assert resolution_times.largest_within(times, 2.0, "net") == 160
    assert resolution_times.largest_within(times, 1.95, "net") == 160
    assert resolution_times.largest_within(times, 9.0, "net") == 224
    with pytest.raises(ValueError, match="expected at least 1, which net takes at 96 pixels"):
        resolution_times.largest_within(times, 0.5, "net")
