import json
import shutil

import keras
import numpy as np
import processes
import pytest
import refusals

from nas import files
from nas.architecture import counting, spaces, spec_json

train = processes.tool("train")


@pytest.fixture(scope="module")
def child_file(tmp_path_factory):
    """A network for 32x32 colour images, unlike those of Fashion-MNIST."""
    path = tmp_path_factory.mktemp("child") / "given.json"
    files.write_json(path, spec_json.to_dict(spaces.SPACES["tiny"].child([0, 1, 2])))
    return path


@pytest.fixture(scope="module")
def trained(fashion_data_dir, child_file, tmp_path_factory):
    """The work dir of a training, and what it printed."""
    path = tmp_path_factory.mktemp("trained") / "w"
    done = train(f"--child={child_file}", *common(fashion_data_dir, path))
    assert done.returncode == 0, done.stderr
    return path, done.stdout


def common(fashion_data_dir, path):
    data = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    return [*data, "--epochs=1", "--batch_size=100", f"--workdir={path}"]


def test_a_training_keeps_the_childs_resolution_and_the_same_command_repeats_nothing(
    fashion_data_dir, child_file, trained, tmp_path
):
    path, said = trained
    shutil.copytree(path, tmp_path / "w")
    flags = [f"--child={child_file}", *common(fashion_data_dir, tmp_path / "w")]
    child = spaces.SPACES["tiny"].child([0, 1, 2]).with_task(10, 32, 1)
    assert spaces.load_child(str(tmp_path / "w/child.json")) == child
    model = keras.models.load_model(tmp_path / "w/child.keras")
    assert model.input_shape == (None, 32, 32, 1)
    assert "28x28 pixels, gray, resized to 32x32" in said
    assert f"{counting.num_params(child):,} parameters" in said
    assert "test accuracy " in said
    (row,) = (tmp_path / "w/train/metrics.jsonl").read_text().splitlines()
    assert json.loads(row)["epoch"] == 1
    again = train(*flags)
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert again.stdout.replace(str(tmp_path / "w"), str(path)) == said.replace(
        "test accuracy", "finished before; test accuracy"
    )
    more = [*flags, "--epochs=2"]
    refused = train(*more, "--learning_rate=0.1")
    assert refused.returncode == 1
    assert "(epochs: was 1, now 2; learning_rate: was 0.2, now 0.1)" in refused.stderr
    assert "go on to more epochs with --extend" in refused.stderr
    extended = train(*more, "--extend")
    assert extended.returncode == 0, extended.stderr
    assert "finished before" not in extended.stdout and "starting over" not in extended.stdout
    rows = (tmp_path / "w/train/metrics.jsonl").read_text()
    assert rows.startswith(row) and rows.count("\n") == 2
    # It is now a run of two epochs, with the flag or without.
    for same in (more, [*more, "--extend"]):
        assert "finished before" in train(*same).stdout
    shorter = train(*flags, "--extend")
    assert shorter.returncode == 1 and "epochs: was 2, now 1" in shorter.stderr
    config = json.loads((tmp_path / "w/config.json").read_text())
    assert config["train"]["earlier_epochs"] == [1]
    assert len(config["provenance"]["extends"]) == 1
    nothing = train(*common(fashion_data_dir, tmp_path / "v"), f"--child={child_file}", "--extend")
    assert nothing.returncode == 1 and "extend: expected a work dir with a run" in nothing.stderr


def test_a_training_begins_with_the_weights_that_a_search_left(fashion_data_dir, trained, tmp_path):
    found = shutil.copytree(trained[0], tmp_path / "found")
    flags = [f"--child={found / 'child.json'}", "--init=search", "--learning_rate=1e-9"]
    flags += common(fashion_data_dir, tmp_path / "w")
    refused = train(*flags)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "init: expected" in refused.stderr and "use --init=random" in refused.stderr
    assert not (tmp_path / "w").exists()
    (found / "search").mkdir()
    shutil.copy(found / "child.keras", found / "search")
    done = train(*flags)
    assert done.returncode == 0, done.stderr
    # A rate of nothing leaves them as they were.
    before, after = (
        keras.models.load_model(path / "child.keras") for path in (found, tmp_path / "w")
    )
    for old, new in zip(before.trainable_weights, after.trainable_weights, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    accuracies = [
        files.read_json(path / "train/result.json")["test_accuracy"]
        for path in (found, tmp_path / "w")
    ]
    assert accuracies[1] == pytest.approx(accuracies[0], abs=0.1)
    other = spaces.SPACES["tiny"].child([1, 1, 1])
    files.write_json(found / "child.json", spec_json.to_dict(other))
    wrong = train(*[flag for flag in flags if "workdir" not in flag], f"--workdir={tmp_path}/v")
    assert wrong.returncode == 1 and "those of another network" in wrong.stderr


def test_bad_input_is_refused_before_there_is_a_work_dir(fashion_data_dir, tmp_path):
    expected = {
        ("--child=proxyless_fridge",): "child: expected one of proxyless_mobile",
        ("--child=nowhere.json",): "nowhere.json: expected a child network, found none",
        ("--child=proxyless_cpu", "--batch_size=5000"): "batch_size: expected 1 to 1000",
    }
    start = common(fashion_data_dir, tmp_path / "w")
    received = refusals.received("train", [[*start, *flags] for flags in expected])
    for refusal, error in zip(received, expected.values(), strict=True):
        assert error in refusal
    assert not (tmp_path / "w").exists()


def test_xla_without_a_gpu_is_advised_against(fashion_data_dir, tmp_path):
    flags = ["--child=proxyless_cpu", "--jit_compile", "--batch_size=5000"]
    done = train(*common(fashion_data_dir, tmp_path / "w"), *flags)
    assert "XLA is about ten times slower" in done.stdout
    assert done.returncode == 1


def test_a_work_dir_of_something_else_is_refused(fashion_data_dir, child_file, tmp_path):
    other = spaces.SPACES["tiny"].child([1, 1, 1])
    files.write_json(tmp_path / "a/child.json", spec_json.to_dict(other))
    files.write_json(tmp_path / "b/config.json", {"schema_version": 1, "pipeline": {}})
    asked = [[f"--child={child_file}", *common(fashion_data_dir, tmp_path / name)] for name in "ab"]
    another, pipelines = refusals.received("train", asked)
    assert "child.json: expected the network of" in another
    assert "is the work dir of tools.pipeline" in pipelines
    assert not (tmp_path / "a/train").exists()
    assert not (tmp_path / "b/train").exists()
