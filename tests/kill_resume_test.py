"""A pipeline that is killed again and again ends as one that was left alone."""

import json
import os
import shutil
import signal
import time

import keras
import numpy as np
import processes
import pytest

LIMIT_SECONDS = 300.0

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pipeline(fashion_data_dir):
    """Starts the pipeline on a work dir, stops it when asked, and returns code and stdout."""

    def run(path, stop_when=None, by=signal.SIGKILL):
        command = ["tools.pipeline", "--preset=tiny"]
        command += [f"--data_dir={fashion_data_dir}", f"--workdir={path}"]
        if not stop_when:
            done = processes.run(*command)
            return done.returncode, done.stdout + done.stderr
        said = path.with_suffix(".out")
        with said.open("w") as out:
            process = processes.start(*command, output=out)
        try:
            deadline = time.monotonic() + LIMIT_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                if stop_when(path, said.read_text()):
                    os.killpg(process.pid, by)
                    process.wait(30)
                    break
                time.sleep(0.01)
            assert process.poll() is not None, "it did not end in time"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        return process.returncode, said.read_text()

    return run


def said(text):
    return lambda path, output: text in output


def epochs(folder, count):
    """`count` epochs of a `fit` are checkpointed, the row and then the state."""

    def are_kept(path, output):
        rows = path / folder / "metrics.jsonl"
        kept = list((path / folder / "checkpoints").glob("*.index"))
        return rows.exists() and rows.read_text().count("\n") >= count and len(kept) >= count

    return are_kept


def number_finished(output):
    return output.count("finished before")


@pytest.fixture(scope="module")
def measured(pipeline, tmp_path_factory):
    """A work dir killed while it measured and again when its search began."""
    path = tmp_path_factory.mktemp("killed") / "measured"
    code, output = pipeline(path, said("timing: "))
    assert code == -signal.SIGKILL
    assert not (path / "latency_model.json").exists()
    code, output = pipeline(path, said("\nSearch"))
    assert code == -signal.SIGKILL
    assert number_finished(output) == 1
    return path


@pytest.fixture(scope="module")
def undisturbed(pipeline, measured):
    """What becomes of `measured` when nobody kills it."""
    path = shutil.copytree(measured, measured.with_name("undisturbed"))
    code, output = pipeline(path)
    assert code == 0, output
    assert number_finished(output) == 3
    return path


def result(path):
    child = json.loads((path / "child.json").read_text())
    del child["provenance"]
    return {
        "child": child,
        "search": (path / "search/metrics.jsonl").read_text(),
        "train": (path / "train/metrics.jsonl").read_text(),
    }


def check_equal(path, other):
    assert result(path) == result(other)
    np.testing.assert_array_equal(
        np.load(path / "search/alphas.npz")["alphas"],
        np.load(other / "search/alphas.npz")["alphas"],
    )
    weights = [keras.models.load_model(p / "child.keras").get_weights() for p in (path, other)]
    for one, another in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, another)


def test_kills_in_every_stage_change_nothing(pipeline, measured, undisturbed):
    path = shutil.copytree(measured, measured.with_name("victim"))
    moments = [
        (epochs("search", 1), 3),  # After the warm-up.
        (epochs("search", 2), 3),  # In the midst of the search.
        (epochs("train", 1), 3),  # In the training; the search ended in this run.
        (said("dynamic_range: "), 4),  # In the export; the training ended in this run.
    ]
    for stop_when, finished in moments:
        code, output = pipeline(path, stop_when)
        assert code == -signal.SIGKILL, output
        assert number_finished(output) == finished
        assert "starting over" not in output
    code, output = pipeline(path)
    assert code == 0, output
    assert number_finished(output) == 5
    check_equal(path, undisturbed)
    summary = json.loads((path / "summary.json").read_text())
    model = json.loads((path / "latency_model.json").read_text())
    assert model == json.loads((undisturbed / "latency_model.json").read_text())
    other = json.loads((undisturbed / "summary.json").read_text())
    assert summary["predicted_latency_ms"] == other["predicted_latency_ms"]
    assert summary["test_accuracy_by_recipe"] == other["test_accuracy_by_recipe"]


def test_ctrl_c_stops_with_130_and_the_same_command_goes_on(pipeline, measured, undisturbed):
    path = shutil.copytree(measured, measured.with_name("interrupted"))
    code, output = pipeline(path, epochs("search", 2), by=signal.SIGINT)
    assert code == 130
    assert output.endswith("stopped; run the same command again to resume\n")
    assert "Traceback" not in output
    code, output = pipeline(path)
    assert code == 0, output
    assert number_finished(output) == 3
    assert "starting over" not in output
    check_equal(path, undisturbed)
