import json
import re

import matplotlib.image
import processes
import pytest
import refusals

import latency_models
from latency_models.measuring import block_benchmarks, measurements, parts, timing
from nas import files
from nas.architecture import spaces, spec_json

TINY = spaces.SPACES["tiny"]


evaluate_latency = processes.tool("evaluate_latency")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Measurements of `tiny`, four of its networks among them, and a lookup table."""
    path = tmp_path_factory.mktemp("fitted")
    device = latency_models.device("local", 1)
    plan = timing.Plan(rounds=4, min_rounds=2, min_sample_ms=0.05, references=2)
    rows = block_benchmarks.benchmark_space(
        TINY, "float32", device, path / "measurements.jsonl", networks=4, plan=plan
    )
    latency_models.latency_model("lookup_table").fit(rows, TINY).save(path / "model.json")
    return path


def arguments(path, *more):
    return [
        f"--latency_model={path / 'model.json'}",
        f"--measurements={path / 'measurements.jsonl'}",
        *more,
    ]


def test_bad_input_is_refused_before_anything_is_measured(fitted, tmp_path):
    data = files.read_json(fitted / "model.json")
    data["environment"]["soc"] = "another processor"
    files.write_json(tmp_path / "elsewhere.json", data)
    expected = {
        ("--networks=12",): "networks: expected 8 more of tiny .* found 4",
        ("--children=proxyless_mobile",): "has no entry for",
        ("--device=phone",): "device: expected local, adb or adb:SERIAL",
        ("--latency_model=pixel1",): "whole networks of proxyless_imagenet, received none",
        (f"--latency_model={tmp_path / 'elsewhere.json'}",): "with soc another processor, received",
    }
    output = f"--output={tmp_path / 'found.json'}"
    asked = [arguments(fitted, output, *more) for more in expected]
    refused = refusals.received("evaluate_latency", asked)
    for refusal, words in zip(refused, expected.values(), strict=True):
        assert re.search(words, refusal)
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere.json"]


@pytest.mark.integration
def test_networks_are_measured_twice_and_not_again(fitted, tmp_path):
    used = {row.key for row in measurements.read(fitted / "measurements.jsonl")}
    choices = ([a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1, 2))
    unused = (TINY.child(choice, "mine") for choice in choices)
    child = next(child for child in unused if parts.network_part(child).key not in used)
    files.write_json(tmp_path / "child.json", spec_json.to_dict(child))
    flags = arguments(
        fitted,
        "--networks=7",
        f"--children={tmp_path / 'child.json'}",
        f"--output={tmp_path / 'found.json'}",
    )
    done = evaluate_latency(*flags)
    assert done.returncode == 0, done.stderr
    assert "goal (error at most 3 %, 90 % within 5 %)" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    counts = {name: scores["count"] for name, scores in found["evaluation"].items()}
    assert counts == {"uniform": 2, "extremes": 4, "children": 1, "all": 7, "repeats": 7}
    first, second = (measurements.read(tmp_path / f"found_pass{i}.jsonl") for i in (1, 2))
    assert {row.key for row in first} == {row.key for row in second}
    assert not {row.key for row in first} & used
    assert (tmp_path / "found.md").read_text().count("\n") == 7
    assert matplotlib.image.imread(tmp_path / "found.png").shape[1] > 900
    again = evaluate_latency(*flags)
    assert again.stdout == done.stdout
    assert again.stderr == ""
