"""Runs the whole pipeline on the `tiny` space, as a user does."""

import dataclasses
import json
import os
import shutil
import statistics

import numpy as np
import processes
import pytest
from ai_edge_litert.interpreter import Interpreter

import latency_models
from export.checks import parity
from nas import files
from nas.architecture import spaces, spec_json
from tools.workflow import presets, stages
from tools.workflow.pipeline import plan
from tools.workflow.pipeline.run import Pipeline
from tools.workflow.pipeline.settings import Settings
from tools.workflow.workdir import WorkDir

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RECIPES = ("float32", "float16", "dynamic_range", "int8")
TITLES = [
    "Data",
    "Latency of the blocks (float32, local)",
    "Latency model",
    "Search",
    "Training the child from scratch",
    "Export",
    "Latency of the exported files",
    "Report",
    "Summary",
]
CHATTER = ("TensorSpec", "oneDNN", "cuda", "CUDA", "WARNING", "Warning", "XNNPACK", "Traceback")


def run_pipeline(run, data_dir, path, *flags):
    # With oneDNN, as for users; other tests switch it off.
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    return run(
        *("tools.pipeline", "--preset=tiny", f"--data_dir={data_dir}", f"--workdir={path}"),
        *flags,
        env=environment,
    )


@pytest.fixture(scope="module")
def finished(fashion_data_dir, tmp_path_factory):
    """A work dir after one run, and the completed process of that run."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    # In a new Python process, as a user starts it.
    done = run_pipeline(processes.run_fresh, fashion_data_dir, path)
    assert done.returncode == 0, done.stderr
    return path, done


class Enough(Exception):
    """Ends a run at the point that a test waits for."""


@pytest.fixture
def again(finished, fashion_data_dir, tmp_path, capsys, monkeypatch):
    """Runs the pipeline in this process, on a copy of the finished work dir."""
    path = shutil.copytree(finished[0], tmp_path / "copy")

    def run(until="", **changes):
        def stop(*arguments, **named):
            raise Enough

        if until:
            monkeypatch.setattr(stages, until, stop)
        settings = Settings(presets.preset("tiny"), fashion_data_dir, "local", 1, None, False, 0, 0)
        settings = dataclasses.replace(settings, **changes)
        with WorkDir(path, json.loads((path / "config.json").read_text())["pipeline"]) as owned:
            pipeline = Pipeline(settings, owned, path)
            if until:
                with pytest.raises(Enough):
                    pipeline.run()
            else:
                pipeline.run()
        return by_stage(capsys.readouterr().out)

    return path, run


def by_stage(output):
    """The lines printed under each title."""
    said, title = {}, None
    lines = output.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line in TITLES and before == "":
            title = line
            said[title] = []
        elif title:
            said[title].append(line.strip())
    return said


def repeated(said):
    return [title for title in said if title != "Summary" and "finished before" not in said[title]]


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_file_of_the_contract_is_there_and_no_temporary_one(finished):
    path, _ = finished
    expected = {"config.json", "space.json", "measurements.jsonl", "latency_model.json"}
    expected |= {"child.json", "child.keras", "summary.json", "stages.json", ".lock"}
    expected |= {f"child_{recipe}.tflite" for recipe in RECIPES}
    expected |= {f"parity_{recipe}.json" for recipe in RECIPES}
    assert {entry.name for entry in path.iterdir()} == expected | {"search", "train", "report"}
    for folder, own in (("search", {"alphas.npz", "child.keras"}), ("train", set())):
        names = {entry.name for entry in (path / folder).iterdir()}
        assert names == {"metrics.jsonl", "checkpoints", "tensorboard"} | own


def test_every_json_file_says_where_it_came_from(finished):
    for file in finished[0].glob("*.json"):
        if file.name == "stages.json":
            continue
        content = json.loads(file.read_text())
        assert content["schema_version"] == 1, file.name
        if file.name != "space.json":
            assert content["provenance"]["libraries"]["tensorflow"], file.name


def test_summary(finished):
    path, _ = finished
    summary = json.loads((path / "summary.json").read_text())
    asked = {
        "space": "tiny",
        "dataset": "fashion_mnist",
        "algorithm": "proxyless_gradient",
        "seed": 0,
        "device": "local",
        "recipe": "float32",
        "num_threads": 1,
    }
    assert {key: summary[key] for key in asked} == asked
    assert set(summary["test_accuracy_by_recipe"]) == set(summary["latency_ms_by_recipe"])
    assert set(summary["test_accuracy_by_recipe"]) == set(RECIPES)
    assert summary["measured_latency_ms"] == summary["latency_ms_by_recipe"]["float32"] > 0
    # The report is made from the summary, so its time is not in it.
    assert [*summary["stage_seconds"], "report"] == list(plan.STAGES)
    assert summary["search_seconds"] == summary["stage_seconds"]["search"] > 0
    assert summary["train_seconds"] == summary["stage_seconds"]["train"] > 0
    parity = json.loads((path / "parity_float32.json").read_text())
    assert summary["test_accuracy"] == parity["accuracy_keras"]
    assert summary["test_accuracy"] > 0.15  # Chance is 0.1; two epochs of 31 steps reach 0.44.


def test_the_predicted_latency_is_the_latency_models_and_the_target_is_kept(finished):
    path, _ = finished
    summary = json.loads((path / "summary.json").read_text())
    child = spaces.load_child(str(path / "child.json"))
    predicted = latency_models.load(path / "latency_model.json").predict(child)
    assert summary["predicted_latency_ms"] == predicted
    # The space has only 12 networks, so the nearest one may be far from the target.
    assert abs(predicted / summary["target_latency_ms"] - 1.0) <= 0.48


def test_child_is_one_of_the_space_with_the_task_of_the_data(finished):
    path, _ = finished
    space = spaces.load_space(str(path / "space.json"))
    assert (space.num_classes, space.input_shape) == (10, (28, 28, 1))
    child_file = json.loads((path / "child.json").read_text())
    choices = space.choices(spaces.load_child(str(path / "child.json")))
    assert list(choices) == child_file["provenance"]["choices"]


def test_alphas_have_a_row_an_epoch_and_nan_where_a_slot_has_fewer(finished):
    alphas = np.load(finished[0] / "search/alphas.npz")["alphas"]
    assert alphas.shape == (3, 3, 3)
    padding = np.array([[False, False, True], [False, False, True], [False, False, False]])
    assert (np.isnan(alphas) == padding).all()
    learned = alphas[:, ~padding]
    assert not np.array_equal(learned[1], learned[2])
    # The warm-up does not change the small random start values.
    assert np.abs(learned[0]).max() < 0.01 < np.abs(learned[2]).max()


def test_metrics_have_a_row_an_epoch_and_no_time(finished):
    search = rows(finished[0] / "search/metrics.jsonl")
    train = rows(finished[0] / "train/metrics.jsonl")
    assert [row["epoch"] for row in search] == [1, 2, 3]
    assert [row["epoch"] for row in train] == [1, 2]
    warmup = {"epoch", "accuracy", "loss", "entropy", "expected_latency_ms"}
    warmup |= {"most_probable_latency_ms"}
    assert set(search[0]) == warmup
    assert set(search[1]) == set(search[2]) == warmup | {"validation_accuracy", "validation_loss"}
    assert set(train[0]) == {"epoch", "accuracy", "loss"}


def test_searched_network_is_compared_with_random_ones_resumably(
    finished, fashion_data_dir, tmp_path
):
    path = shutil.copytree(finished[0], tmp_path / "copy")
    # The space has only 12 networks, and few are equally fast.
    flags = [f"--workdir={path}", "--count=1", "--tolerance=2", "--repeats=2"]
    said = []
    for _ in range(2):
        done = processes.run(
            "forking_commands", "tools.compare_random", f"--data_dir={fashion_data_dir}", *flags
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
    # Networks are trained only the first time.
    assert ["training" in text for text in said] == [True, False]
    found = json.loads((path / "comparison/comparison.json").read_text())
    searched, random = found["networks"]
    summary = json.loads((path / "summary.json").read_text())
    # The training of the pipeline is the first one.
    assert searched["test_accuracies"][0] == summary["test_accuracy"]
    for network in (searched, random):
        assert len(network["test_accuracies"]) == 2
        assert network["test_accuracy"] == statistics.fmean(network["test_accuracies"])
    assert random["choices"] != searched["choices"]
    assert found["gain"] == searched["test_accuracy"] - random["test_accuracy"]


def test_int8_file_computes_in_int8(finished):
    interpreter = Interpreter(str(finished[0] / "child_int8.tflite"))
    interpreter.allocate_tensors()
    assert interpreter.get_input_details()[0]["dtype"] == np.int8
    assert interpreter.get_output_details()[0]["dtype"] == np.int8
    types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
    assert np.dtype(np.float32) not in types


def test_terminal_shows_the_stages_in_order_and_no_framework(finished):
    _, done = finished
    assert list(by_stage(done.stdout)) == TITLES
    for word in CHATTER:
        assert word not in done.stdout + done.stderr
    labels = {line.split(":")[0].strip() for line in done.stderr.splitlines()}
    epochs = {f"epoch {i}/3" for i in (1, 2, 3)}
    networks = {label for label in labels if set(label.split()) <= {"k3e1", "k5e3", "-"}}
    assert epochs < labels and 1 <= len(networks) <= 2
    assert labels - epochs - networks <= {"writing", "timing", "search", "training"}


def test_same_command_repeats_no_stage_and_writes_the_same_summary(finished, fashion_data_dir):
    path, first = finished
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    done = run_pipeline(processes.run, fashion_data_dir, path)
    assert done.returncode == 0, done.stderr
    said = by_stage(done.stdout)
    assert repeated(said) == []
    assert said["Summary"] == by_stage(first.stdout)["Summary"]
    changed = {f.name for f, content in before.items() if f.read_bytes() != content}
    assert changed <= {".lock", "summary.json"}


def test_other_flags_are_refused(finished, fashion_data_dir):
    path, _ = finished
    before = (path / "summary.json").read_bytes()
    done = run_pipeline(processes.run, fashion_data_dir, path, "--seed=7", "--recipe=int8")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "seed: was 0, now 7" in line
    assert done.stdout == ""
    assert (path / "summary.json").read_bytes() == before


def test_a_deleted_child_is_written_again_without_a_search(again):
    path, run = again
    before = spaces.load_child(str(path / "child.json"))
    alphas = (path / "search/alphas.npz").read_bytes()
    (path / "child.json").unlink()
    said = run(until="run_train")
    assert repeated(said) == TITLES[3:5]
    assert "starting over" not in " ".join(said["Search"])
    assert spaces.load_child(str(path / "child.json")) == before
    assert (path / "search/alphas.npz").read_bytes() == alphas


def test_another_child_is_trained_anew_without_a_search(again):
    path, run = again
    space = spaces.load_space(str(path / "space.json"))
    old = spaces.load_child(str(path / "child.json"))
    new = space.child([0, 0, 2] if space.choices(old) != (0, 0, 2) else [1, 1, 1])
    files.write_json(path / "child.json", spec_json.to_dict(new))
    said = run(until="run_export")
    assert repeated(said) == TITLES[4:6]
    assert "of a run with another child; starting over" in " ".join(said[TITLES[4]])


def test_another_latency_model_is_searched_with_anew(again):
    path, run = again
    model = json.loads((path / "latency_model.json").read_text())
    for entry in model["entries"].values():
        entry["latency_ms"] *= 2.0
    files.write_json(path / "latency_model.json", model)
    said = run(until="run_train")
    assert repeated(said) == TITLES[3:5]
    assert "another latency_model, settings; starting over" in " ".join(said["Search"])


@pytest.mark.parametrize("name", ["child.json", "latency_model.json"])
def test_a_damaged_file_is_named_with_what_to_do(again, name):
    path, run = again
    (path / name).write_text('{"schema_version": 1, "na')
    with pytest.raises(ValueError, match=f"{name}: .*expected .*JSON.*delete it and run the same"):
        run()


def test_a_target_out_of_reach_is_refused_after_the_fit_with_the_range(again):
    path, run = again
    shutil.rmtree(path / "search")
    with pytest.raises(ValueError, match="expected between .* and .* ms.*another --workdir"):
        run(target_latency_ms=1000.0)
    assert not (path / "search").exists()


def test_a_recipe_that_misses_its_limit_ends_nothing_but_the_exit_code(again, monkeypatch):
    path, run = again
    whole = parity.compare

    def misses(content, recipe, *rest):
        if recipe.name == "int8":
            raise parity.ParityError("int8: accuracy: expected at most 1 point lost, received 9")
        return whole(content, recipe, *rest)

    monkeypatch.setattr(parity, "compare", misses)
    (path / "child_int8.tflite").unlink()
    for _ in range(2):
        with pytest.raises(ValueError, match="not exported: int8: .*received 9; try .*int8_qat"):
            run()
        summary = json.loads((path / "summary.json").read_text())
        assert list(summary["failed_recipes"]) == ["int8"]
        assert sorted(summary["latency_ms_by_recipe"]) == sorted(set(RECIPES) - {"int8"})
    assert "Not exported: int8" in (path / "report/index.html").read_text()
    monkeypatch.undo()
    (path / "failed_recipes.json").unlink()
    run()
    assert "failed_recipes" not in json.loads((path / "summary.json").read_text())
    assert (path / "child_int8.tflite").exists()
