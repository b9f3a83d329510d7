"""Models that a device cannot run: marked by their labels, while the others are measured."""

import contextlib
import logging

import made_rows
import pytest

from latency_models.devices import DeviceError, ModelError
from latency_models.devices.protocol import REFERENCE
from latency_models.measuring import block_benchmarks, measurements, parts, timing, unmeasured
from nas.architecture import spaces

SPACE = spaces.SPACES["tiny"]
PLAN = timing.Plan(rounds=2, min_rounds=2, references=1, models_at_once=3, extra_rounds=0)
ENVIRONMENT = {"device": "made", "runtime": "x", "num_threads": 1, "delegate": "gpu"}


class Made:
    """A device and its session; cannot run the models that `lacks` names."""

    name, num_threads, plan = "made", 1, PLAN

    def __init__(self, lacks=()):
        self.lacks, self.asked = set(lacks), []

    def environment(self):
        return dict(ENVIRONMENT)

    @contextlib.contextmanager
    def session(self, models, min_sample_ms):
        yield self

    def sample_ms(self, key):
        self.asked.append(key)
        if key in self.lacks:
            raise ModelError(self.name, key, "no such operation")
        return 1.0

    def conditions(self):
        return {}


@pytest.fixture(autouse=True)
def unwritten(monkeypatch):
    """Nothing is converted."""
    made = lambda wanted, *_: {part.key: part.key.encode() for part in wanted}  # noqa: E731
    monkeypatch.setattr(block_benchmarks, "_models", made)
    monkeypatch.setattr(block_benchmarks, "reference_model", lambda: b"reference")


def benchmark(device, path, **options):
    wanted = parts.space_parts(SPACE)
    return wanted, block_benchmarks.benchmark_parts(
        wanted, SPACE, "float32", device, path, plan=PLAN, **options
    )


def test_a_block_that_cannot_run_is_marked_and_the_rest_measured(tmp_path, caplog):
    path = tmp_path / "rows.jsonl"
    wanted = parts.space_parts(SPACE)
    lacking = next(part for part in wanted if part.kind == "block")
    device = Made([lacking.key])
    caplog.set_level(logging.WARNING, "latency_models")
    _, rows = benchmark(device, path, marks_failures=True)
    assert {row.key for row in rows} == {part.key for part in wanted} - {lacking.key}
    assert measurements.read(path) != []
    (marked,) = unmeasured.read(path)
    assert (marked.label, marked.reason) == (lacking.label, "no such operation")
    assert caplog.messages == [
        f"made: {lacking.label} cannot run and is left out: no such operation"
    ]
    assert device.asked.count(lacking.key) == 1
    # A second run of the command tries nothing again.
    device.asked.clear()
    assert benchmark(device, path, marks_failures=True)[1] == rows
    assert device.asked == []


def test_without_marks_the_error_names_the_label(tmp_path):
    wanted = parts.space_parts(SPACE)
    lacking = next(part for part in wanted if part.kind == "block")
    words = f"^made: {lacking.label}: no such operation$"
    with pytest.raises(DeviceError, match=words.replace("(", r"\(").replace(")", r"\)")):
        benchmark(Made([lacking.key]), tmp_path / "rows.jsonl")


def test_a_device_that_can_run_nothing_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    lacks = [part.key for part in parts.space_parts(SPACE)]
    with pytest.raises(
        DeviceError, match="made: expected to run blocks and networks, but none of 3"
    ):
        benchmark(Made(lacks), path, marks_failures=True)
    with pytest.raises(DeviceError, match="the reference network of .*: use other flags of the"):
        benchmark(Made([REFERENCE]), path, marks_failures=True)
    assert unmeasured.read(path) == [] == measurements.read(path)


def test_files_are_named_as_the_user_named_them(tmp_path):
    paths = {name: tmp_path / name for name in ("a.tflite", "b.tflite")}
    for path in paths.values():
        path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    device = Made(["model b.tflite"])
    with pytest.raises(DeviceError, match="^made: b.tflite: no such operation$"):
        block_benchmarks.benchmark_models(paths, device)
    failed = {}
    (row,) = block_benchmarks.benchmark_models(paths, device, failed=failed)
    assert row.label == "a.tflite" and failed == {"b.tflite": "no such operation"}


def test_a_model_that_fails_later_is_left_out_of_every_round():
    device = Made()
    calls = []

    def sample_ms(key):
        calls.append(key)
        if key == "a" and calls.count("a") == 2:
            raise ModelError("made", key, "out of memory")
        return 2.0

    device.sample_ms = sample_ms
    failed = {}
    found = timing.measure(device, {"a": b"", "b": b""}, b"", PLAN, failed=failed)
    assert set(found) == {"b"} and failed == {"a": "out of memory"}
    assert found["b"].relative_latency == 1.0


def test_rows_of_a_file_stand_beside_it(tmp_path):
    assert unmeasured.path_beside("runs/rows.jsonl").name == "rows_failed.jsonl"
    row = made_rows.row(parts.stem_part(SPACE.child([0, 0, 0])), 1.0, environment=ENVIRONMENT)
    measurements.append(tmp_path / "rows.jsonl", [row])
    assert unmeasured.read(tmp_path / "rows.jsonl") == []
