"""The commands of docs/my_data.md, run as they stand on a small folder of images."""

import gzip
import json
import os
import pathlib
import re
import shlex
import shutil
import zipfile

import numpy as np
import processes
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTDATA = ROOT / "tests" / "testdata" / "fashion_mnist"

# Long on the page, short here; a phone is not at hand. Nothing else is changed.
INSTEAD = {
    "--resolution=64": "--resolution=24",
    "--warmup_epochs=10": "--warmup_epochs=1",
    "--search_epochs=10": "--search_epochs=1",
    "--train_epochs=40": "--train_epochs=1",
    "--device=adb": "--device=local",
    "--benchmark_model=android_aarch64_benchmark_model": None,
    # Of this machine nothing is known beforehand.
    "--target_latency_ms=5": "--target_latency_ms=0",
}

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def commands():
    """The arguments of every `python -m tools.x` of the page, in order."""
    text = (ROOT / "docs" / "my_data.md").read_text("utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^    (python -m tools\..*)$", text, re.M)]


def make_photos(folder):
    """Fashion-MNIST's committed piece as PNG files under three classes of a user's own."""
    images = gzip.decompress((TESTDATA / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((TESTDATA / "train-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    labels = np.frombuffer(labels, np.uint8, offset=8)
    for label, name in ((0, "shirt"), (1, "trousers"), (9, "boot")):
        (folder / name).mkdir(parents=True)
        for i in np.flatnonzero(labels == label):
            Image.fromarray(images[i]).save(folder / name / f"{i}.png")


# A photograph's network is trained on little ones; nothing is known of this machine's speed.
PHOTOS = {"--target_latency_ms=5": "--resolution=32"}
FEWER = ["--train_epochs=1", "--recipe=float32", "--recipes=float32"]


def run(command, folder, *more):
    is_photos = "--preset=photos" in command
    instead = {**INSTEAD, **PHOTOS} if is_photos else INSTEAD
    arguments = [instead.get(argument, argument) for argument in command[3:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    given = [*filter(None, arguments), *more]
    done = processes.run(command[2], *given, cwd=folder, env=environment)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_a_strangers_folder_goes_from_images_to_files(tmp_path):
    make_photos(tmp_path / "photos")
    own = [f"--data_dir={tmp_path / 'data'}"]
    tools = []
    for command in commands():
        tool = command[2].removeprefix("tools.")
        tools.append(tool)
        if "--preset=photos" in command:
            run(command, tmp_path, *own, *FEWER)
        elif tool == "pipeline":
            if "--workdir=runs/phone" in command:
                # Here the phone is this machine, which was measured before.
                (tmp_path / "runs/phone").mkdir()
                shutil.copy(tmp_path / "runs/photos/measurements.jsonl", tmp_path / "runs/phone")
            # Its batches are those of a small machine and few images.
            run(command, tmp_path, *own, "--preset=tiny")
        else:
            run(command, tmp_path, *(own if "--dataset=folder:photos" in command else []))
    assert tools[:2] == ["prepare_data", "pipeline"] and {"report", "export_tflite"} < set(tools)
    lite = json.loads((tmp_path / "runs/lite0/summary.json").read_text())
    assert lite["test_accuracy"] > 0.6
    made = tmp_path / "runs/photos"
    assert "folder:photos" in (made / "report/index.html").read_text()
    summary = json.loads((made / "summary.json").read_text())
    assert summary["dataset"] == "folder:photos"
    assert 0.0 <= summary["test_accuracy_by_recipe"]["int8"] <= 1.0
    with zipfile.ZipFile(made / "child_int8.tflite") as packed:
        assert packed.read("labels.txt").decode().split() == ["boot", "shirt", "trousers"]
        assert json.loads(packed.read("child.json"))["input_channels"] == 1
    splits = json.loads((made / "splits.json").read_text())
    assert [len(splits[part]) for part in ("train", "validation", "test")] == [192, 48, 60]

    # One more image: said in one line, and what depends on it is done again.
    extra = next((tmp_path / "photos/boot").iterdir())
    (tmp_path / "photos/boot/another.png").write_bytes(extra.read_bytes())
    pipeline = next(command for command in commands() if "--workdir=runs/photos" in command)
    again = run(pipeline, tmp_path, *own, "--preset=tiny")
    (line,) = [line for line in again.splitlines() if "the images differ from the last run" in line]
    assert "1 added (boot/another.png)" in line
    after = json.loads((made / "summary.json").read_text())
    assert after["stage_seconds"]["search"] != summary["stage_seconds"]["search"]
