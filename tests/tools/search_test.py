import json
import pathlib

import numpy as np
import processes
import pytest
import refusals

search = processes.tool("search")


def common(fashion_data_dir, path):
    data = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    return [
        "--space=tiny",
        *data,
        "--batch_size=50",
        "--max_train_examples=200",
        f"--workdir={path}",
    ]


def test_a_search_writes_its_files_and_the_same_command_repeats_nothing(
    fashion_data_dir, tiny_model_file, tmp_path
):
    flags = [*common(fashion_data_dir, tmp_path / "w"), f"--latency_model={tiny_model_file}"]
    flags += ["--target_latency_ms=0.06", "--device=local", "--recipe=int8", "--num_threads=1"]
    flags += ["--epochs=1", "--warmup_epochs=1"]
    done = search(*flags)
    assert done.returncode == 0, done.stderr
    child_file = json.loads((tmp_path / "w/child.json").read_text())
    choices = child_file["provenance"]["choices"]
    assert f"choices {choices}, entropy " in done.stdout
    assert "latency: target 0.06 ms, predicted 0.0" in done.stdout
    assert np.load(tmp_path / "w/search/alphas.npz")["alphas"].shape == (2, 3, 3)
    found = child_file["provenance"]["predicted_latency_ms"]
    assert abs(found / 0.06 - 1.0) <= 0.03
    assert (tmp_path / "w/space.json").exists()
    again = search(*flags)
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert " % of the range from 0.0" in done.stdout
    summary = done.stdout[done.stdout.index("12 networks") :]
    assert again.stdout.endswith(f"finished before; {summary}")


def plan(*flags):
    """The plan's texts by their names, and everything that was printed."""
    done = search(*flags, "--dry_run")
    assert done.returncode == 0, done.stderr
    found, name = {}, ""
    for line in done.stdout[done.stdout.index("Plan") :].splitlines()[1:]:
        name = line[:10].strip() or name
        found[name] = f"{found.get(name, '')} {line[10:]}".strip()
    # A path is not broken.
    assert all(len(line) <= 80 or "/" in line for line in done.stdout.splitlines())
    return found


def test_a_dry_run_prints_the_plan_and_writes_nothing(fashion_data_dir, tiny_model_file, tmp_path):
    flags = [*common(fashion_data_dir, tmp_path / "w"), f"--latency_model={tiny_model_file}"]
    flags += ["--target_latency_ms=0.06", "--epochs=1", "--warmup_epochs=1"]
    before = sorted(pathlib.Path(fashion_data_dir).rglob("*"))
    found = plan(*flags)
    assert not (tmp_path / "w").exists()
    assert sorted(pathlib.Path(fashion_data_dir).rglob("*")) == before
    assert "3 slots with 7 candidates give 12 networks of " in found["space"]
    assert "200 images for weights, 200 for the architecture, 300 for the test" in found["data"]
    assert found["cost"].startswith("latency: target 0.06 ms, ")
    assert " % of the range from 0.0" in found["cost"]
    assert not {"baseline", "caution"} & set(found)
    assert "1 epochs of warm-up and 1 of search, 4 steps of 50 images each" in found["search"]
    assert found["time"].startswith("about ") and " s if it also updates alpha" in found["time"]
    assert " GiB: " in found["memory"]
    for name in ("space.json", "child.json", "alphas.npz", str(tmp_path / "w/search")):
        assert name in found["writes"].replace(" ", "")
    assert found["state"].endswith("does not exist yet; the search starts at the first step")


def test_a_target_at_the_edge_gets_a_caution(fashion_data_dir, tiny_model_file, tmp_path):
    flags = [*common(fashion_data_dir, tmp_path / "w"), f"--latency_model={tiny_model_file}"]
    found = plan(*flags, "--target_latency=0.97", "--epochs=1", "--warmup_epochs=1")
    assert " 97 % of the range from 0.0" in found["cost"]
    assert found["caution"].startswith("the target is at the upper end of what tiny can have")


@pytest.mark.integration
def test_a_dry_run_says_how_the_work_dir_would_be_gone_on_with(fashion_data_dir, tmp_path):
    flags = common(fashion_data_dir, tmp_path / "w")
    flags += ["--epochs=1", "--warmup_epochs=1", "--algorithm=one_shot_single_path"]
    assert search(*flags).returncode == 0
    stages = tmp_path / "w/stages.json"
    found = plan(*flags)
    assert found["state"] == "finished before; the command would repeat nothing"
    assert "time" not in found and found["cost"] == "no target"
    stages.unlink()
    assert plan(*flags)["state"] == "the search resumes after step 8"
    (tmp_path / "w/search/checkpoints/run.json").write_text("{}")
    assert plan(*flags)["state"].startswith(
        "the search starts over, since its checkpoints are of a run"
    )
    assert not stages.exists()
    refused = search(*flags, "--seed=1", "--dry_run")
    assert refused.returncode == 1
    assert "seed: was 0, now 1" in refused.stderr


def test_bad_input_is_refused_before_there_is_a_work_dir(
    fashion_data_dir, tiny_model_file, tmp_path
):
    model = f"--latency_model={tiny_model_file}"
    expected = {
        ("--target_latency_ms=0.06",): "latency_model: expected a file written by",
        ("--latency_model=pixel1",): "latency model of proxyless_imagenet has no entry for",
        ("--latency_model=pixel1", "--device=local"): "with device pixel1, received device local",
        (
            "--latency_model=none.json",
        ): "none.json: expected a latency model written by tools.fit_latency, found none",
        ("--space=huge",): "space: expected one of",
        ("--algorithm=guess",): "algorithm: expected one of",
        ("--algorithm=random", "--random_networks=16"): "random_networks: expected at most 15",
        ("--algorithm=one_shot", "--path_dropout=1"): "path_dropout: expected from 0 to below 1",
        (model, "--recipe=float32"): "was measured with recipe int8, received recipe float32",
        (model, "--num_threads=4"): "was measured with num_threads 1, received num_threads 4",
        (
            model,
            "--benchmark_args=--use_npu",
        ): "was measured with benchmark_args none, received benchmark_args --use_npu; use",
        (model, "--space=cifar"): "has no entry for",
        (model, "--target_latency_ms=9"): "target latency: expected between",
        (model, "--target_latency_ms=0.06", "--target_macs=5"): "expected one target, received",
        ("--target_macs=5",): "target macs: expected between",
        ("--target_bytes=5",): "target bytes: expected between",
        ("--target_params=5",): "target params: expected between",
        ("--target_bytes=5", "--recipe=int3"): "recipe: expected one of float32",
        ("--hard_limit",): "hard_limit: expected a target with it",
        (
            "--target_macs=5",
            "--objective=hope",
        ): "objective: expected one of target, add_linear, mul_log",
        ("--distribute=multiworker",): "TF_CONFIG: expected something like",
        ("--jit_compile",): "jit_compile: expected false for a supernet",
        ("--batch_size=500",): "batch_size: expected 1 to 200",
        ("--dry_run", "--dataset=cifar10"): "tools.prepare_data",
    }
    start = common(fashion_data_dir, tmp_path / "w")
    refused = refusals.received("search", [[*start, *flags] for flags in expected])
    for refusal, error in zip(refused, expected.values(), strict=True):
        assert error in refusal
    assert not (tmp_path / "w").exists()


def test_an_error_is_one_line_and_exit_code_1(fashion_data_dir, tmp_path):
    done = search(*common(fashion_data_dir, tmp_path / "w"), "--space=huge")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: space: expected one of")
