"""A child keeps the resolution that its search chose: in training, export, pipeline, comparison."""

import dataclasses
import json
import pathlib

import keras
import processes
import pytest

from export.checks import interpreter
from nas import files
from nas.architecture import spaces, spec_json
from tools.experiments import compared_child
from tools.workflow import presets, stages
from tools.workflow.pipeline import data
from tools.workflow.pipeline.run import Pipeline
from tools.workflow.pipeline.settings import Settings
from tools.workflow.workdir import WorkDir

# The images of Fashion-MNIST have 28x28 pixels.
SPACE = dataclasses.replace(spaces.SPACES["tiny"].with_task(10, 28, 1), resolution=(20, 28))
CHILD = SPACE.child([0, 1, 2, 0])

train, export = processes.tool("train"), processes.tool("export_tflite")


@pytest.fixture
def child_file(tmp_path):
    files.write_json(tmp_path / "given.json", spec_json.to_dict(CHILD))
    return tmp_path / "given.json"


def _size_of(path: pathlib.Path) -> tuple[int, ...]:
    (details,) = interpreter.load(path).get_input_details()
    return tuple(int(n) for n in details["shape"][1:])


def test_a_child_is_trained_and_exported_at_its_resolution(fashion_data_dir, child_file, tmp_path):
    data = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    work = f"--workdir={tmp_path}/w"
    done = train(f"--child={child_file}", *data, "--epochs=1", "--batch_size=100", work)
    assert done.returncode == 0, done.stderr
    assert "28x28 pixels, gray, resized to 20x20" in done.stdout
    assert spaces.load_child(str(tmp_path / "w/child.json")) == CHILD
    model = keras.models.load_model(tmp_path / "w/child.keras")
    assert model.input_shape == (None, 20, 20, 1)
    flags = ["--recipes=float32,int8", "--calibration_images=50", "--nomeasure"]
    done = export(f"--model={tmp_path}/w/child.keras", *data, *flags, work)
    assert done.returncode == 0, done.stderr
    for recipe in ("float32", "int8"):
        assert _size_of(tmp_path / f"w/child_{recipe}.tflite") == (20, 20, 1)
        parity = json.loads((tmp_path / f"w/parity_{recipe}.json").read_text())
        assert parity["top1_agreement"] > 0.9


def test_another_resolution_can_be_asked_for(fashion_data_dir, child_file, tmp_path):
    flags = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}", "--epochs=1"]
    flags += ["--batch_size=100", f"--workdir={tmp_path}/w", "--resolution=28"]
    done = train(f"--child={child_file}", *flags)
    assert done.returncode == 0, done.stderr
    assert spaces.load_child(str(tmp_path / "w/child.json")).resolution == 28


def test_only_a_network_in_a_file_keeps_its_resolution(child_file):
    assert stages.own_resolution(str(child_file)) == 20
    assert stages.own_resolution("proxyless_mobile") is None


def _settings(data_dir, **changes):
    return Settings(
        preset=dataclasses.replace(presets.preset("tiny"), **changes),
        data_dir=data_dir,
        device="local",
        num_threads=1,
        target_latency_ms=None,
        is_limit=False,
        seed=0,
        max_train_examples=0,
    )


def test_a_pipeline_trains_the_child_of_a_search_at_its_resolution(fashion_data_dir, tmp_path):
    settings = _settings(fashion_data_dir)
    files.write_json(tmp_path / "child.json", spec_json.to_dict(CHILD))
    with WorkDir(tmp_path, {}) as owned:
        made = Pipeline(settings, owned, tmp_path)
        # The search has the images as they are, and so does a child of their size.
        assert made._dataset.input_shape == (28, 28, 1)
        assert made._child_dataset.input_shape == (20, 20, 1)
        assert len(made._child_dataset.test) == len(made._dataset.test)
        files.write_json(tmp_path / "child.json", spec_json.to_dict(SPACE.child([0, 1, 2, 1])))
        again = Pipeline(settings, owned, tmp_path)
        assert again._child_dataset is again._dataset


def test_a_pipeline_of_a_given_child_reads_images_of_its_size(fashion_data_dir, child_file):
    given = _settings(fashion_data_dir, child=str(child_file))
    assert data.load_dataset(given).input_shape == (20, 20, 1)
    published = _settings(fashion_data_dir, child="proxyless_cpu")
    assert data.load_dataset(published).input_shape == (28, 28, 1)


def test_compared_children_are_read_at_their_own_resolution(child_file, tmp_path, monkeypatch):
    (tmp_path / "child.json").write_text(child_file.read_text())
    passed = {"dataset": "fashion_mnist", "resolution": 28}
    monkeypatch.setattr(compared_child.data_flags, "for_another_process", lambda: passed)
    assert "--resolution=20" in compared_child._of_child({"epochs": 1}, tmp_path)
    assert "--resolution=28" in compared_child.arguments({})
    del passed["resolution"]
    assert compared_child._of_child({}, tmp_path) == ["--dataset=fashion_mnist"]
