"""One latency model is fitted to rows that were measured alike, and the flags choose which."""

import json

import made_rows
import processes
import pytest

import latency_models
from latency_models.measuring import measurements, network_selection, parts, unmeasured
from nas.architecture import spaces

TINY = spaces.SPACES["tiny"]
ENVIRONMENT = {"device": "adb:A1", "runtime": "x", "num_threads": 1, "delegate": "none"}
ARGS = "--nnapi_accelerator_name=npu"


def rows(scale, **changes):
    wanted = parts.space_parts(TINY)
    wanted += [parts.network_part(c) for c in network_selection.sample_networks(TINY, 5, 0)]
    where = {**ENVIRONMENT, **changes}
    return [
        made_rows.row(part, scale * (1.0 + i / 10), space="tiny", environment=where)
        for i, part in enumerate(wanted)
    ]


@pytest.fixture
def path(tmp_path):
    """Rows of the CPU, then of the GPU, then of an accelerator by options."""
    path = tmp_path / "rows.jsonl"
    measurements.append(path, rows(1.0) + rows(0.3, delegate="gpu"))
    measurements.append(path, rows(0.1, delegate="nnapi", benchmark_args=ARGS))
    return path


def fit(path, *arguments):
    model = path.with_name("model.json")
    done = processes.run(
        "tools.fit_latency", f"--measurements={path}", f"--output={model}", *arguments
    )
    return done, json.loads(model.read_text()) if model.exists() else None


def test_rows_that_are_not_alike_are_shown_and_refused_and_flags_choose(path):
    done, model = fit(path)
    assert (done.returncode, model) == (1, None)
    headers, _, *cells = (line.split() for line in done.stdout.splitlines())
    assert headers == ["number", "rows", "delegate", "benchmark_args"]
    assert [(line[0], line[2]) for line in cells] == [("1", "none"), ("2", "gpu"), ("3", "nnapi")]
    (line,) = done.stderr.splitlines()
    assert (
        "received 3 sets of rows that differ in delegate, benchmark_args (the table above)" in line
    )
    assert "choose one with --delegate, --benchmark_args, --environment=NUMBER" in line
    done, _ = fit(path, "--delegate=gpu", "--num_threads=4")
    assert "found none" in done.stderr and done.returncode == 1
    done, _ = fit(path, "--environment=4")
    assert "environment: expected a number from 1 to 3" in done.stderr and done.returncode == 1

    done, model = fit(path, "--delegate=gpu", "--device=adb", "--recipe=int8", "--num_threads=1")
    assert done.returncode == 0, done.stderr
    assert model["delegate"] == "gpu" and "benchmark_args" not in model
    done, model = fit(path, "--environment=3")
    assert done.returncode == 0, done.stderr
    assert (model["benchmark_args"], model["environment"]["benchmark_args"]) == (ARGS, ARGS)
    fitted = latency_models.load(str(path.with_name("model.json")))
    assert fitted.to_dict()["benchmark_args"] == ARGS


def test_what_the_device_could_not_run_is_said_where_the_rows_do_not_suffice(tmp_path):
    path = tmp_path / "rows.jsonl"
    whole = rows(1.0)
    lacking = next(row for row in whole if row.kind == "block")
    measurements.append(path, [row for row in whole if row != lacking])
    failed = unmeasured.Unmeasured(
        lacking.key, "block", lacking.label, "int8", lacking.environment, "no such operation"
    )
    unmeasured.append(path, [failed])
    done, _ = fit(path)
    (line,) = done.stderr.splitlines()
    assert (
        f"1 of the models could not run on adb:A1, for example {lacking.label} (no such operation)"
        in line
    )
    assert "take such candidates out of the space" in line
