import json
import math
import shutil

import made_workdir
import numpy as np
import pytest

from tools.reporting.data import reading


@pytest.fixture
def workdir(tmp_path, tiny_model_file):
    return made_workdir.write(tmp_path / "w", tiny_model_file)


def test_a_finished_run_is_read_as_plain_data(workdir):
    run = reading.read(workdir)
    assert (run.dataset, run.recipe, run.quantity) == ("fashion_mnist", "int8", "latency_ms")
    assert run.space == made_workdir.space()
    assert run.network == run.child == made_workdir.child()
    assert run.choices == made_workdir.CHOICES
    assert (run.target_ms, run.predicted_ms, run.best_measured_ms) == (0.060, 0.061, 0.064)
    assert (run.search_epochs, run.warmup_epochs, run.train_epochs) == (4, 1, 2)
    assert [row["epoch"] for row in run.search_rows] == [1, 2, 3, 4]
    assert list(run.parities) == ["float32", "int8"]
    assert run.settings["seed"] == 7
    assert run.stage_seconds == {"search": 2.5, "train": 2.5, "report": 2.5}
    assert list(run.provenances) == [
        "latency_model.json",
        "child.json",
        "config.json",
        "parity_float32.json",
        "parity_int8.json",
        "summary.json",
    ]


def test_probabilities_are_the_softmax_of_alpha_with_nan_in_the_padding(workdir):
    last = reading.read(workdir).probabilities[-1]
    expected = [[1 / 4, 3 / 4, math.nan], [3 / 4, 1 / 4, math.nan], [1 / 5, 1 / 5, 3 / 5]]
    np.testing.assert_allclose(last, expected, rtol=1e-12)


def test_latencies_of_candidates_come_from_the_latency_model(workdir):
    latency = reading.read(workdir).latency
    slots = latency.slots_ms((0, 0, 2))
    assert [len(slot) for slot in slots] == [2, 2, 3]
    assert slots[2][2] == 0.0  # An identity.
    fixed_ms = latency.costs.constant_ms
    assert latency.costs.of((0, 0, 2)) == pytest.approx(fixed_ms + slots[0][0] + slots[1][0])


def test_a_search_that_goes_on_shows_the_most_probable_network_and_its_target(workdir):
    for name in ("child.json", "summary.json", "parity_int8.json", "parity_float32.json"):
        (workdir / name).unlink()
    shutil.rmtree(workdir / "train")
    run = reading.read(workdir)
    assert run.child is None
    assert run.network == made_workdir.child()
    slots = run.latency.slots_ms((0, 0, 0))
    fastest = run.latency.costs.constant_ms + sum(map(min, slots))
    slowest = run.latency.costs.constant_ms + sum(map(max, slots))
    # The preset aims half-way.
    assert run.target_ms == pytest.approx((fastest + slowest) / 2)
    assert run.measured_ms == {} and run.train_rows == ()


def test_a_run_that_has_only_begun_is_a_work_dir_too(workdir):
    for path in workdir.iterdir():
        if path.name != "config.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = reading.read(workdir)
    assert (run.network, run.space, run.latency, run.predicted_ms) == (None, None, None, None)


def test_a_summary_of_a_network_that_was_replaced_is_not_taken(workdir):
    made_workdir.change(workdir, "summary.json", params=1)
    run = reading.read(workdir)
    assert run.summary is None
    assert run.predicted_ms == pytest.approx(run.latency.costs.of(made_workdir.CHOICES))


def test_networks_that_were_judged_are_read_and_nothing_is_called_most_probable(workdir):
    made_workdir.write_judged(workdir)
    run = reading.read(workdir)
    assert not run.has_learned
    assert [network.validation_accuracy for network in run.judged] == [0.7, 0.6]
    (workdir / "child.json").unlink()
    assert reading.read(workdir).network is None


def test_nothing_is_called_most_probable_in_the_warm_up(workdir):
    (workdir / "child.json").unlink()
    alphas = reading.read(workdir).alphas
    np.savez(workdir / "search/alphas.npz", alphas=alphas[:2])
    run = reading.read(workdir)
    assert not run.has_learned and run.network is None


def test_a_search_of_its_own_names_its_target_and_its_latency_model(workdir, tiny_model_file):
    (workdir / "latency_model.json").unlink()
    flags = {"dataset": "cifar10", "latency_model": str(tiny_model_file), "epochs": 3}
    content = {"schema_version": 1, "search": {**flags, "target": 2e5, "target_macs": 2e5}}
    (workdir / "config.json").write_text(json.dumps(content))
    (workdir / "child.json").unlink()
    run = reading.read(workdir)
    assert (run.dataset, run.quantity, run.target, run.target_ms) == ("cifar10", "macs", 2e5, None)
    assert run.latency.recipe == "int8"
    assert run.settings["epochs"] == 3


def test_what_is_no_work_dir_is_refused(tmp_path):
    with pytest.raises(ValueError, match="none: expected a work dir, found no such folder"):
        reading.read(tmp_path / "none")
    with pytest.raises(ValueError, match="expected a work dir of tools.pipeline, tools.search"):
        reading.read(tmp_path)
    config = {"schema_version": 1, "compare_search": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"it belongs to tools\.compare_search"):
        reading.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("config.json", '{"sch', "config.json: line 1 column 2: expected .*JSON.*ends too early"),
        ("config.json", '{"pipeline": 3}', "config.json: pipeline: "),
        ("stages.json", "[]", "stages.json: expected an object, received an empty list"),
        ("space.json", '{"schema_version": 1}', "space.json: name: "),
        ("child.json", "", "child.json: expected a child network .JSON., received an empty file"),
        ("latency_model.json", "{}", "latency_model.json: "),
        (
            "summary.json",
            '{"recipe": "int8"}',
            "summary.json: num_threads: expected a value.*finished stages are not",
        ),
        ("parity_int8.json", "{}", "parity_int8.json: recipe: "),
        (
            "search/metrics.jsonl",
            '{"epoch": 1}\n{"ep',
            "metrics.jsonl, line 2: line 1 column 2: expected",
        ),
        ("search/metrics.jsonl", '{"loss": 1.0}\n', "metrics.jsonl, line 1: epoch: "),
        ("train/metrics.jsonl", '{"epoch": 1, "loss": "x"}\n', "metrics.jsonl, line 1: loss: "),
        ("search/alphas.npz", "x", "alphas.npz: expected an .npz file"),
        (
            "search/networks.json",
            '{"networks": [{}]}',
            "networks.json: networks.0..choices: expected a value",
        ),
    ],
)
def test_a_damaged_file_is_named(workdir, name, content, error):
    (workdir / name).write_text(content)
    with pytest.raises(ValueError, match=error) as refusal:
        reading.read(workdir)
    assert "\n" not in str(refusal.value)


def test_alphas_of_another_space_are_refused(workdir):
    np.savez(workdir / "search/alphas.npz", alphas=np.zeros([4, 2, 3]))
    with pytest.raises(ValueError, match=r"alphas: expected \[epochs, 3, 3\].* received \[4, 2, 3"):
        reading.read(workdir)


def test_a_child_of_another_space_is_refused(workdir):
    child = json.loads((workdir / "child.json").read_text())
    child["layers"][0]["op"]["kernel_size"] = 7
    (workdir / "child.json").write_text(json.dumps(child))
    with pytest.raises(
        ValueError, match="child.json: expected a network of .*space.json, received another"
    ):
        reading.read(workdir)
