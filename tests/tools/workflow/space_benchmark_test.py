"""What is said before a benchmark, and what the pipeline asks for; nothing is measured here."""

import dataclasses

import made_rows
import made_spaces
import pytest

import latency_models
from latency_models.measuring import (
    block_benchmarks,
    measurements,
    network_selection,
    part_selection,
    parts,
)
from nas import files
from nas.architecture import counting, spaces
from tools.workflow import presets, space_benchmark
from tools.workflow.pipeline.run import Pipeline
from tools.workflow.pipeline.settings import Settings

TINY, SMALL, MOBILE = spaces.SPACES["tiny"], made_spaces.small(), made_spaces.mobile()
DEVICE = latency_models.device("local", 1)


@pytest.fixture
def measured(monkeypatch):
    """The parts that a benchmark was given."""
    found = []
    monkeypatch.setattr(
        block_benchmarks, "benchmark_parts", lambda wanted, *args, **more: found.extend(wanted)
    )
    return found


def run(space, path, **more):
    space_benchmark.run(space, "float32", DEVICE, path / "rows.jsonl", progress=None, **more)


def row(part, space):
    changes = {"recipe": "float32", "environment": DEVICE.environment(), "space": space.name}
    changes["reference"] = block_benchmarks.reference_key()
    return made_rows.row(part, 1e-6 * part.num_macs, **changes)


def test_it_is_said_how_many_parts_of_how_many_and_how_long_it_takes(measured, tmp_path, capsys):
    run(MOBILE, tmp_path)
    line = capsys.readouterr().out
    assert line.startswith("mobile_like: 120 of 1978 parts and 64 networks to time; takes about ")
    assert " to " in line.split("about")[1]
    assert [part.key for part in measured[:120]] == [
        part.key for part in part_selection.chosen(MOBILE)
    ]
    assert len(measured) == 184


def test_all_parts_of_a_fixed_space_are_measured(measured, tmp_path, capsys):
    run(TINY, tmp_path, networks=4)
    assert capsys.readouterr().out.startswith("tiny: all 8 parts and 4 networks to time; takes ")
    assert len(measured) == 12


def test_what_was_measured_before_is_not_counted(measured, tmp_path, capsys):
    wanted = part_selection.chosen(SMALL, 16) + [
        parts.network_part(child) for child in network_selection.sample_networks(SMALL, 6)
    ]
    some = [row(part, SMALL) for part in wanted]
    measurements.append(tmp_path / "rows.jsonl", some[:10])
    run(SMALL, tmp_path, num_parts=16, networks=6)
    words = "small_like: 16 of 22 parts and 6 networks to time, 10 measured before; takes about "
    assert capsys.readouterr().out.startswith(words)
    measurements.append(tmp_path / "rows.jsonl", some[10:])
    run(SMALL, tmp_path, num_parts=16, networks=6)
    assert capsys.readouterr().out.endswith("6 networks to time, all measured before\n")


def test_too_few_parts_are_refused_before_anything_is_said(measured, tmp_path, capsys):
    with pytest.raises(ValueError, match="parts: expected at least"):
        run(MOBILE, tmp_path, num_parts=9)
    assert capsys.readouterr().out == ""
    assert not measured


def pipeline(path, space):
    preset = dataclasses.replace(presets.PRESETS["tiny"], networks=8)
    settings = Settings(preset, None, "local", 1, None, False, 0, 0)
    made = Pipeline(settings, None, path)
    made.__dict__["_space"] = space  # Otherwise it is read for a data set.
    return made


@pytest.mark.parametrize("space, networks", [(TINY, 8), (SMALL, SMALL.cardinality), (MOBILE, 64)])
def test_a_pipeline_measures_enough_networks_for_the_decisions(space, networks, measured, tmp_path):
    pipeline(tmp_path, space)._benchmark()
    assert sum(part.kind == "network" for part in measured) == networks


@pytest.mark.parametrize("space, kind", [(TINY, "lookup_table"), (SMALL, "regression")])
def test_a_pipeline_fits_the_kind_that_the_space_needs(space, kind, tmp_path, capsys):
    children = network_selection.sample_networks(space, 12)
    wanted = part_selection.chosen(space, 14 if space is SMALL else None)
    rows = [row(part, space) for part in [*wanted, *map(parts.network_part, children)]]
    measurements.append(tmp_path / "measurements.jsonl", rows)
    pipeline(tmp_path, space)._fit()
    assert files.read_json(tmp_path / "latency_model.json")["kind"] == kind
    said = capsys.readouterr().out
    assert ("8 blocks; leave" if kind == "lookup_table" else "regression, ") in said
    costs = pipeline(tmp_path, space)._latencies
    child = children[5]
    assert costs.of(space.choices(child)) == pytest.approx(1e-6 * counting.num_macs(child), rel=0.1)
