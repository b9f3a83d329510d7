import dataclasses

import made_spaces
import pytest

import latency_models
from latency_models.measuring import (
    block_benchmarks,
    measurements,
    part_selection,
    parts,
    timing,
)
from nas.architecture import spaces

PLAN = timing.Plan(rounds=4, min_rounds=2, budget_seconds=5.0, min_sample_ms=0.05, references=2)
TINY = spaces.SPACES["tiny"]


@pytest.fixture(scope="module")
def device():
    return latency_models.device("local", 1)


@pytest.fixture(scope="module")
def tiny_rows(device, tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "rows.jsonl"
    rows = block_benchmarks.benchmark_space(TINY, "float32", device, path, networks=4, plan=PLAN)
    return path, rows


def test_every_part_and_network_has_a_row_on_disk(tiny_rows):
    path, rows = tiny_rows
    wanted = [part.key for part in parts.space_parts(TINY)]
    assert [row.key for row in rows[: len(wanted)]] == wanted
    assert [row.kind for row in rows[len(wanted) :]] == ["network"] * 4
    assert sorted(measurements.read(path), key=str) == sorted(rows, key=str)
    assert {row.space for row in rows} == {"tiny"}


def test_a_second_run_measures_only_what_is_missing(tiny_rows, device, tmp_path, monkeypatch):
    _, rows = tiny_rows
    path = tmp_path / "rows.jsonl"
    measurements.append(path, rows[1:])
    written = []
    write = block_benchmarks.write
    monkeypatch.setattr(
        block_benchmarks,
        "write",
        lambda part, recipe: written.append(part.key) or write(part, recipe),
    )
    again = block_benchmarks.benchmark_space(TINY, "float32", device, path, networks=4, plan=PLAN)
    assert again[1:] == rows[1:]
    assert written == [rows[0].key]
    written.clear()
    block_benchmarks.benchmark_space(TINY, "float32", device, path, networks=4, plan=PLAN)
    assert written == []

    part, files = parts.space_parts(TINY)[0], {}
    for name in ("first.jsonl", "second.jsonl"):
        (row,) = block_benchmarks.benchmark_parts(
            [part], TINY, "float32", device, tmp_path / name, plan=PLAN, written=files
        )
        assert row.key == part.key
    assert written == list(files) == [part.key]


def test_a_killed_benchmark_of_a_subset_goes_on_with_the_same_subset(device, tmp_path):
    space, path = made_spaces.small(), tmp_path / "rows.jsonl"
    plan = dataclasses.replace(PLAN, models_at_once=8)

    class Killed(Exception):
        pass

    def killed_in_the_second_chunk(items, total, label):
        if path.exists():
            raise Killed
        yield from items

    def benchmark(**more):
        return block_benchmarks.benchmark_space(
            space, "float32", device, path, networks=4, num_parts=15, seed=3, plan=plan, **more
        )

    with pytest.raises(Killed):
        benchmark(progress=killed_in_the_second_chunk)
    first = measurements.read(path)
    assert len(first) == 8
    rows = benchmark()
    wanted = part_selection.chosen(space, 15, seed=3)
    assert [row.key for row in rows[:15]] == [part.key for part in wanted]
    assert len(measurements.read(path)) == len(rows) == 19
    assert all(row in rows for row in first)


def test_rows_of_another_environment_are_not_taken_for_this_one(tiny_rows, device, tmp_path):
    _, rows = tiny_rows
    path = tmp_path / "rows.jsonl"
    elsewhere = {**rows[0].environment, "soc": "another"}
    measurements.append(
        path, [rows[0], *(dataclasses.replace(r, environment=elsewhere) for r in rows[1:3])]
    )
    again = block_benchmarks.benchmark_space(TINY, "float32", device, path, networks=4, plan=PLAN)
    assert again[0] == rows[0]
    assert all(row.environment == rows[0].environment for row in again)
    assert len(measurements.read(path)) == 3 + len(rows) - 1


def test_the_reference_model_is_the_same_bytes_every_time():
    assert block_benchmarks.reference_model() == block_benchmarks.reference_model()


def test_files_are_timed_beside_the_reference(device, tmp_path):
    path = tmp_path / "stem.tflite"
    path.write_bytes(block_benchmarks.write(parts.stem_part(TINY.child([0, 0, 0])), "float32"))
    (row,) = block_benchmarks.benchmark_models(
        {"reference": path}, device, recipe_by_name={"reference": "float32"}, plan=PLAN
    )
    assert row.label == "reference"
    assert row.recipe == "float32"
    assert row.reference == block_benchmarks.reference_key()
    assert row.kind == "network"
    assert row.count == PLAN.rounds


@pytest.mark.parametrize("content", [None, b"PK\x03\x04 not a model"])
def test_files_that_are_no_models_are_refused(content, device, tmp_path):
    path = tmp_path / "child.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"child.tflite: expected a .tflite file, (found|received)"
    ):
        block_benchmarks.benchmark_models({"child": path}, device, plan=PLAN)


def test_extremes_are_whole_networks(tiny_rows):
    _, rows = tiny_rows
    fastest, slowest = measurements.extremes(rows)
    networks = [row.relative_latency for row in rows if row.kind == "network"]
    assert (fastest.relative_latency, slowest.relative_latency) == (min(networks), max(networks))
    with pytest.raises(ValueError, match="whole network"):
        measurements.extremes([row for row in rows if row.kind != "network"])


def test_the_measured_space_has_the_task_of_its_networks(tiny_rows):
    _, rows = tiny_rows
    assert measurements.measured_space(TINY.with_task(7, 64, 1), rows) == TINY
    with pytest.raises(ValueError, match="whole networks of tiny"):
        measurements.measured_space(TINY, [r for r in rows if r.kind != "network"])
