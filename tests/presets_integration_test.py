"""The presets for ImageNet, two steps of each, on small archives through TFDS' own builder."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import small_imagenet

from nas import spaces

ROOT = pathlib.Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# Long at full size, short here. Nothing else of the presets is changed.
SMALLER = [
    "--batch_size=16",
    "--max_train_examples=32",
    "--train_epochs=1",
    "--resolution=64",
    "--recipe=float32",
    "--recipes=float32",
]


def run(tool, *flags):
    return subprocess.run(
        [sys.executable, "-m", tool, *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A TFDS folder to which the two archives were given, and nothing else done."""
    path = tmp_path_factory.mktemp("tfds")
    pictures = small_imagenet.training_pictures(num_classes=8, per_class=10)
    small_imagenet.write(path / "downloads" / "manual", pictures, num_test=16)
    return path


def steps(path):
    """Batches of 16 in what was trained on: an epoch of 32 images is two steps."""
    return [json.loads(line)["epoch"] for line in path.read_text().splitlines()]


def test_missing_archives_are_named_with_their_place(tmp_path):
    done = run("tools.prepare_data", "--dataset=imagenet2012", f"--data_dir={tmp_path}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "expected ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar in" in line
    assert f"{tmp_path}/downloads/manual" in line


def test_imagenet_from_the_archives_to_a_measured_file(data_dir, tmp_path):
    done = run(
        "tools.pipeline",
        "--preset=imagenet",
        f"--data_dir={data_dir}",
        f"--workdir={tmp_path / 'run'}",
        "--warmup_epochs=1",
        "--search_epochs=1",
        "--networks=4",
        *SMALLER,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert (summary["dataset"], summary["space"]) == ("imagenet2012", "proxyless_imagenet")
    assert summary["measured_latency_ms"] > 0.0
    assert steps(tmp_path / "run/search/metrics.jsonl") == [1, 2]
    assert steps(tmp_path / "run/train/metrics.jsonl") == [1]
    child = spaces.load_child(str(tmp_path / "run/child.json"))
    assert (child.num_classes, child.input_shape) == (1000, (64, 64, 3))
    assert "encoded images" in done.stdout


def test_imagenet_child_trains_a_published_network_and_repeats_nothing(data_dir, tmp_path):
    command = [
        "tools.pipeline",
        "--preset=imagenet_child",
        f"--data_dir={data_dir}",
        f"--workdir={tmp_path / 'run'}",
        *SMALLER,
    ]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["params"] == 4_080_512
    assert summary["predicted_latency_ms"] is None
    assert summary["algorithm"] is summary["space"] is None
    assert summary["measured_latency_ms"] > 0.0
    child = spaces.load_child(str(tmp_path / "run/child.json"))
    assert child == spaces.PUBLISHED_CHILDREN["proxyless_mobile"].with_task(1000, 64, 3)
    assert not (tmp_path / "run/search").exists()
    again = run(*command)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("finished before") == 5
