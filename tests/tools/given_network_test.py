"""A pipeline without a search: a published network at the resolution that meets a target."""

import json
import re
import shutil

import processes
import pytest

from latency_models.measuring import measurements, resolution_times
from nas import files
from nas.architecture import counting, spaces, spec_json
from nas.layers import keras_network

pytestmark = pytest.mark.integration

pipeline = processes.tool("pipeline")
CHILD = "mobilenet_v3_small"


def flags(fashion_data_dir, path, *more):
    data = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}", "--max_train_examples=64"]
    few = ["--train_epochs=1", "--batch_size=32", "--recipe=float32", "--recipes=float32"]
    return ["--preset=tiny", *data, *few, f"--child={CHILD}", f"--workdir={path}", *more]


@pytest.fixture(scope="module")
def timed(fashion_data_dir, tmp_path_factory):
    """A run that measured every resolution, and whose target no machine meets."""
    path = tmp_path_factory.mktemp("timed")
    done = pipeline(*flags(fashion_data_dir, path, "--target_latency_ms=1e-6"))
    rows = measurements.read(path / "measurements.jsonl")
    return path, done, {row.resolution: row.latency_ms for row in rows if row.label == CHILD}


def test_a_target_that_cannot_be_met_says_what_can(timed):
    _, done, times = timed
    assert tuple(sorted(times)) == resolution_times.RESOLUTIONS
    assert done.returncode == 1
    *_, line = done.stderr.splitlines()
    assert line.startswith("error: target_latency_ms: expected at least")
    assert f"{CHILD} takes at 64 pixels" in line


def test_the_resolution_is_the_largest_that_meets_the_target(fashion_data_dir, tmp_path, timed):
    path, _, times = timed
    # What was measured is not measured again, so it is known what the target allows.
    shutil.copy(path / "measurements.jsonl", tmp_path)
    target = max(times[64], times[80]) * 1.001
    largest = max(resolution for resolution, ms in times.items() if ms <= target)
    done = pipeline(*flags(fashion_data_dir, tmp_path, f"--target_latency_ms={target}"))
    assert done.returncode == 0, done.stderr
    child = spaces.load_child(str(tmp_path / "child.json"))
    assert child == spaces.load_child(CHILD).with_task(10, largest, 1)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["target_latency_ms"] == target and summary["predicted_latency_ms"] is None
    assert f"latency of float32: target {target:.3g} ms, measured" in done.stdout
    assert f"{largest} px {times[largest]:.3g} ms" in done.stdout


def test_a_search_from_other_weights_is_compared_with_their_network(fashion_data_dir, tmp_path):
    """A search that begins with a network of its space, which is also trained and timed alone."""
    space = spaces.SPACES["tiny"].with_task(10, 28, 1)
    seed = space.child([0] * len(space.option_counts))
    model = keras_network.build_child(seed)
    model.save(tmp_path / "child.keras")
    files.write_json(tmp_path / "child.json", spec_json.to_dict(seed))
    others = keras_network.build_child(seed)
    others.set_weights([weight * 0.9 for weight in model.get_weights()])
    data = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}", "--max_train_examples=250"]
    few = ["--warmup_epochs=1", "--search_epochs=1", "--train_epochs=1", "--recipes=float32"]
    begun = [f"--init={tmp_path / 'child.keras'}", "--target_latency=1", "--hard_limit"]
    path = tmp_path / "w"
    given = ["--preset=tiny", "--batch_size=16", *data, *few, *begun, f"--workdir={path}"]
    planned = pipeline(*given, "--dry_run")
    assert planned.returncode == 0, planned.stderr
    assert "fixed/" in planned.stdout and not path.exists()
    done = pipeline(*given)
    assert done.returncode == 0, done.stderr
    assert "Training the child from" in done.stdout
    found = spaces.load_child(str(path / "child.json"))
    summary = json.loads((path / "summary.json").read_text())
    if found.layers == seed.layers:
        assert "fixed_network" not in summary
        return
    fixed = summary["fixed_network"]
    assert fixed["params"] == counting.num_params(seed) and fixed["resolution"] == 28
    assert fixed["measured_latency_ms"] > 0.0 and 0.0 <= fixed["test_accuracy"] <= 1.0
    assert "without a search: tiny_child at 28 pixels, trained alike" in done.stdout
    assert "trained and measured alike" in (path / "report/index.html").read_text()
    again = pipeline(*given)
    assert again.returncode == 0 and again.stdout.count("finished before") == 9
    # A file of the same name with other weights is another input.
    others.save(tmp_path / "child.keras")
    states = re.findall(
        r"^(\w+) +(finished before|to do)", pipeline(*given, "--dry_run").stdout, re.M
    )
    assert dict(states) == {
        "data": "finished before",
        "benchmark": "finished before",
        "fit": "finished before",
        **dict.fromkeys(("search", "train", "export", "measure", "fixed", "report"), "to do"),
    }


def test_a_search_begins_anew_with_other_weights_in_the_same_file(fashion_data_dir, tmp_path):
    space = spaces.SPACES["tiny"].with_task(10, 28, 1)
    model = keras_network.build_child(space.child([0] * len(space.option_counts)))
    files.write_json(tmp_path / "child.json", spec_json.to_dict(space.child([0, 0, 0])))
    model.save(tmp_path / "child.keras")
    given = ["--space=tiny", "--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    given += ["--epochs=1", "--warmup_epochs=0", "--max_train_examples=250", "--batch_size=50"]
    given += [f"--init={tmp_path / 'child.keras'}", f"--workdir={tmp_path / 'w'}"]
    search = processes.tool("search")
    assert search(*given).returncode == 0
    again = search(*given)
    assert again.returncode == 0 and "finished before" in again.stdout
    model.set_weights([weight * 0.9 for weight in model.get_weights()])
    model.save(tmp_path / "child.keras")
    changed = search(*given)
    assert changed.returncode == 0 and "finished before" not in changed.stdout
    assert "run with another pretrained; starting over" in changed.stdout
