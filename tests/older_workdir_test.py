"""Files that commit 623297d wrote are still read: a work dir, latency models, a space, a child.

`testdata/workdir/623297d.tar.gz` holds the work dir of `tools.pipeline --preset=tiny` at that
commit, on Fashion-MNIST (1000 training images), without its report, TensorBoard files and all
checkpoints but the search's after step 50 of 75 and the last of the training; and a regression
fitted to its measurements.
"""

import json
import pathlib
import tarfile

import numpy as np
import processes
import pytest

import latency_models
from latency_models.measuring import measurements, parts
from nas import files
from nas.architecture import spaces

ARCHIVE = pathlib.Path(__file__).parent / "testdata/workdir/623297d.tar.gz"


@pytest.fixture
def workdir(tmp_path, fashion_data_dir):
    """The work dir, beside the data set under the name that its flags give."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "tfds").symlink_to(fashion_data_dir)
    return tmp_path / "run"


def test_space_and_child_are_read(workdir):
    space = spaces.load_space(str(workdir / "space.json"))
    child = spaces.load_child(str(workdir / "child.json"))
    assert space == spaces.SPACES["tiny"].with_task(10, 28, 1)
    found = files.read_json(workdir / "child.json")["provenance"]["choices"]
    assert list(space.choices(child)) == found


@pytest.mark.parametrize("name", ["latency_model.json", "regression.json"])
def test_latency_models_are_read_and_know_every_part(workdir, name):
    space = spaces.load_space(str(workdir / "space.json"))
    model = latency_models.load(workdir / name)
    slots, constant_ms = model.slot_latencies(space)
    assert constant_ms > 0.0
    assert [len(slot) for slot in slots] == list(space.candidate_counts)


def test_predictions_are_those_of_the_time(workdir):
    summary = files.read_json(workdir / "summary.json")
    child = spaces.load_child(str(workdir / "child.json"))
    predicted = latency_models.load(workdir / "latency_model.json").predict(child)
    assert predicted == pytest.approx(summary["predicted_latency_ms"])


def test_measurements_are_known_by_their_keys(workdir):
    space = spaces.load_space(str(workdir / "space.json"))
    measured = {row.key for row in measurements.read(workdir / "measurements.jsonl")}
    assert {part.key for part in parts.space_parts(space)} <= measured


def pipeline(workdir):
    done = processes.run(
        "tools.pipeline", "--preset=tiny", "--data_dir=tfds", "--workdir=run", cwd=workdir.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.integration
def test_a_finished_work_dir_is_finished_still(workdir):
    before = files.read_json(workdir / "summary.json")
    told = pipeline(workdir)
    after = files.read_json(workdir / "summary.json")
    same = {k: v for k, v in before.items() if k not in ("provenance", "stage_seconds")}
    assert {k: after[k] for k in same} == same
    assert "step" not in told


@pytest.mark.integration
def test_a_search_goes_on_from_its_checkpoint(workdir):
    """The rows of finished epochs stay; the epoch after them is searched now."""
    finished = json.loads((workdir / "stages.json").read_text("utf-8"))
    for stage in ("search", "train", "export", "measure", "summary", "report"):
        finished["pipeline"].pop(stage, None)
    (workdir / "stages.json").write_text(json.dumps(finished))
    for name in ("child.json", "child.keras", "summary.json"):
        (workdir / name).unlink()
    before = (workdir / "search/metrics.jsonl").read_text("utf-8").splitlines()
    alphas = np.load(workdir / "search/alphas.npz")["alphas"]
    pipeline(workdir)
    after = (workdir / "search/metrics.jsonl").read_text("utf-8").splitlines()
    assert after[:2] == before[:2] and len(after) == 3
    found = np.load(workdir / "search/alphas.npz")["alphas"]
    np.testing.assert_array_equal(found[:2], alphas[:2])
    # The last epoch is computed anew; processors may round differently.
    np.testing.assert_allclose(found[2], alphas[2], rtol=0.05, atol=0.05)
    assert files.read_json(workdir / "summary.json")["space"] == "tiny"
