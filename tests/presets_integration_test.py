"""The commands of the presets' pages, as they stand, on small data: a few steps of every stage."""

import dataclasses
import json
import os
import pathlib
import re
import shlex

import processes
import pytest
import small_imagenet

from nas import files
from nas.architecture import spaces, spec_json
from nas.architecture.blocks import Block
from tools.workflow import presets

ROOT = pathlib.Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# What the pages' commands leave to the presets is made small here.
SMALLER = {
    "tools.prepare_data": [],
    "tools.benchmark_data": ["--seconds=0.05", "--rounds=1", "--resolution=32"],
    "tools.pipeline": ["--train_epochs=1", "--recipe=float32", "--recipes=float32"],
}
SHORT_SEARCH = ["--warmup_epochs=1", "--search_epochs=1", "--networks=4"]
# Two steps of 16 images in each epoch.
IMAGENET = ["--batch_size=16", "--max_train_examples=32", "--resolution=64"]
# Of two CPU cores.
ELSEWHERE = {
    "--device=adb": "--device=local",
    "--benchmark_model=android_aarch64_benchmark_model": None,
    "--precision=mixed_bfloat16": "--precision=float32",
}


def commands(page):
    """The arguments of every `python -m tools.x` of a page."""
    text = (ROOT / "docs/presets" / page).read_text("utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^    (python -m tools\..*)$", text, re.M)]


def run(cwd, tool, *flags):
    return processes.run(tool, *flags, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)})


def run_page(page, cwd, replaced, added):
    """Runs a page's commands in their order; returns what each printed, by tool."""
    said = []
    for _, _, tool, *flags in commands(page):
        flags = [*filter(None, ({**ELSEWHERE, **replaced}.get(flag, flag) for flag in flags))]
        done = run(cwd, tool, *flags, *SMALLER[tool], *added.get(tool, []))
        assert done.returncode == 0, (tool, flags, done.stderr)
        said.append((tool, done.stdout))
    return said


def epochs(path):
    return [json.loads(line)["epoch"] for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A folder with the two archives."""
    path = tmp_path_factory.mktemp("archives")
    small_imagenet.write(path, small_imagenet.training_pictures(8, 10), num_test=16)
    return path


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def test_missing_archives_are_named_with_their_place(tmp_path):
    done = run(tmp_path, "tools.prepare_data", "--dataset=imagenet2012", "--data_dir=tfds")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "expected ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar in" in line
    assert "tfds/downloads/manual" in line


def with_few_slots(space):
    """Leaves a choice in the first stage only; `pixel1_search_test.py` has the whole space."""
    kept = {*space.slots[:2]}  # And those that equal them.
    last = {slot: slot.block(len(slot.candidates) - 1) for slot in space.slots}
    return dataclasses.replace(
        space,
        layers=tuple(
            layer if layer in kept or isinstance(layer, Block) else last[layer]
            for layer in space.layers
        ),
    )


def test_imagenet_from_the_archives_to_a_measured_file(archives, data_dir, tmp_path):
    there = [f"--data_dir={data_dir}"]
    space = with_few_slots(spaces.load_space(presets.preset("imagenet").space))
    files.write_json(tmp_path / "space.json", spec_json.to_dict(space))
    small = [f"--space={tmp_path / 'space.json'}", *SHORT_SEARCH]
    added = {
        "tools.prepare_data": there,
        "tools.benchmark_data": there,
        "tools.pipeline": [*there, *IMAGENET, *small],
    }
    replaced = {
        "--manual_dir=DIR": f"--manual_dir={archives}",
        "--batch_size=256": "--batch_size=8",
    }
    said = run_page("imagenet.md", tmp_path, replaced, added)
    tools = [tool.removeprefix("tools.") for tool, _ in said]
    assert tools == ["prepare_data", "pipeline", "benchmark_data"]
    assert "% of the limit of" in said[2][1]
    made = tmp_path / "runs/imagenet"
    summary = json.loads((made / "summary.json").read_text())
    assert (summary["dataset"], summary["space"]) == ("imagenet2012", "proxyless_imagenet")
    assert summary["measured_latency_ms"] > 0.0
    assert epochs(made / "search/metrics.jsonl") == [1, 2]
    assert epochs(made / "train/metrics.jsonl") == [1]
    child = spaces.load_child(str(made / "child.json"))
    assert (child.num_classes, child.input_shape) == (1000, (64, 64, 3))


def test_imagenet_child_trains_networks_by_name_and_from_a_file(archives, data_dir, tmp_path):
    (tmp_path / "runs/imagenet").mkdir(parents=True)
    child = spaces.PUBLISHED_CHILDREN["proxyless_gpu"].with_task(1000, 64, 3)
    files.write_json(tmp_path / "runs/imagenet/child.json", spec_json.to_dict(child))
    manual = data_dir / "downloads" / "manual"
    if not manual.exists():
        manual.parent.mkdir(parents=True, exist_ok=True)
        manual.symlink_to(archives)
    added = {"tools.pipeline": [f"--data_dir={data_dir}", *IMAGENET]}
    run_page("imagenet_child.md", tmp_path, {}, added)
    summary = json.loads((tmp_path / "runs/proxyless_mobile/summary.json").read_text())
    assert summary["params"] == 4_080_512
    assert summary["predicted_latency_ms"] is None
    assert summary["algorithm"] is summary["space"] is None
    assert summary["measured_latency_ms"] > 0.0
    assert not (tmp_path / "runs/proxyless_mobile/search").exists()
    found = spaces.load_child(str(tmp_path / "runs/imagenet_again/child.json"))
    assert found.layers == child.layers
    (first, *_) = commands("imagenet_child.md")
    again = run(
        tmp_path,
        *first[2:3],
        *filter(None, (ELSEWHERE.get(flag, flag) for flag in first[3:])),
        *SMALLER["tools.pipeline"],
        *added["tools.pipeline"],
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("finished before") == 6


def test_cifar10_runs_in_small(fashion_data_dir, tmp_path):
    there = [f"--data_dir={fashion_data_dir}"]
    # Gray images of clothes, and a space of three slots.
    small = [
        "--dataset=fashion_mnist",
        "--space=tiny",
        "--batch_size=32",
        "--max_train_examples=64",
    ]
    run_page(
        "cifar10.md",
        tmp_path,
        {"--dataset=cifar10": "--dataset=fashion_mnist"},
        {"tools.prepare_data": there, "tools.pipeline": [*there, *small, *SHORT_SEARCH]},
    )
    summary = json.loads((tmp_path / "runs/cifar10/summary.json").read_text())
    assert summary["target_latency_ms"] > 0.0
    assert epochs(tmp_path / "runs/cifar10/train/metrics.jsonl") == [1]
