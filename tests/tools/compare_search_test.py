import json
import types

import matplotlib.image
import numpy as np
import processes
import pytest

from tools.experiments import subcommand
from tools.workflow import workdir

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_algorithms_are_compared_resumably(fashion_data_dir, tiny_model_file, tmp_path):
    command = ["forking_commands", "tools.compare_search", "--space=tiny", "--seeds=0"]
    command += ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}", "--batch_size=32"]
    command += ["--warmup_epochs=1", "--epochs=1", "--max_train_examples=300"]
    command += ["--train_epochs=1", "--validation_size=60", "--search_seconds=0"]
    command += ["--algorithms=random", f"--latency_model={tiny_model_file}"]
    command += [f"--workdir={tmp_path}/w", "--train_repeats=2"]
    done = processes.run(*command)
    assert done.returncode == 0, done.stderr
    _are_whole(tmp_path / "w", ["random"])
    # Again: nothing is searched, trained or timed a second time.
    logs = {path: path.stat().st_mtime_ns for path in (tmp_path / "w").rglob("*.log")}
    again = processes.run(*command)
    assert again.returncode == 0, again.stderr
    assert logs == {path: path.stat().st_mtime_ns for path in (tmp_path / "w").rglob("*.log")}
    assert again.stdout.endswith(done.stdout[done.stdout.index("Means over") :])
    # Another algorithm: of the others only the latency is measured again, all in turns.
    other = [one.replace("=random", "=proxyless_gradient,random") for one in command]
    more = processes.run(*other)
    assert more.returncode == 0, more.stderr
    assert all(logs[path] == path.stat().st_mtime_ns for path in logs)
    searches = _are_whole(tmp_path / "w", ["proxyless_gradient", "random"])
    difference = searches["proxyless_gradient"]["test_accuracy"]
    difference -= searches["random"]["test_accuracy"]
    (summary, _) = json.loads((tmp_path / "w/comparison.json").read_text())["summary"]
    assert summary["gain_over_random"] == [pytest.approx(difference), None]
    _widths_are_compared(tmp_path / "w", searches["proxyless_gradient"], fashion_data_dir)


def _are_whole(workdir, algorithms):
    """Checks the searches that a comparison tells of; returns them by algorithm."""
    found = json.loads((workdir / "comparison.json").read_text())
    searches = {search["algorithm"]: search for search in found["searches"]}
    assert list(searches) == algorithms
    for search in searches.values():
        first, second = search["test_accuracies"]
        assert search["test_accuracy"] == pytest.approx((first + second) / 2)
        assert 0.05 < first <= 1.0 and 0.05 < second <= 1.0
        folder = workdir / search["folder"]
        seeds = [
            json.loads((path / "config.json").read_text())["train"]["seed"]
            for path in (folder, folder / "repeat_1")
        ]
        assert seeds == [0, 1000]
        assert search["measured_latency_ms"] > 0 and search["peak_mib"] > 100
        assert np.isfinite(search["predicted_latency_ms"])
    return searches


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        # 10 s before the first image, then 1 ms an image and epoch: 20 s are left for 5 epochs.
        (30.0, 4000),
        # Never more than there are.
        (1000.0, 6000),
        # Whole thousands, or two batches.
        (10.5, 100),
    ],
)
def test_every_search_gets_the_images_of_its_time(tmp_path, monkeypatch, seconds, expected):
    from tools import compare_search

    flags = {"_SECONDS": seconds, "_WARMUP": 2, "_EPOCHS": 3, "_BATCH_SIZE": 50}
    for name, value in flags.items():
        monkeypatch.setattr(compare_search, name, types.SimpleNamespace(value=value))
    timed = []

    def search(name, target, seed, images, path, warmup_epochs, epochs):
        timed.append(images)
        seconds = 10.0 + (warmup_epochs + epochs) * images * 1e-3
        return subcommand.Usage(seconds, 2.0, 1.0)

    monkeypatch.setattr(compare_search, "_search", search)
    with workdir.WorkDir(tmp_path, {}, independent=True) as owned:
        for _ in range(2):
            assert compare_search._images("darts", 0.5, 6000, owned) == expected
        # Timed with a quarter of the images too, and once.
        assert len(timed) == 2 and timed[0] == timed[1] // 4
        monkeypatch.setattr(compare_search, "_SECONDS", types.SimpleNamespace(value=10.1))
        with pytest.raises(ValueError, match="search_seconds: expected more for darts"):
            compare_search._images("darts", 0.5, 6000, owned)


def test_a_search_that_was_stopped_begins_anew(tmp_path, monkeypatch):
    """Its time is part of the result, and a search that went on would have been quick."""
    # Here alone: it defines flags, whose names other command lines have too.
    from tools import compare_search

    folder = tmp_path / "darts/target_0.5/seed_0"
    found = []

    def search(name, target, seed, images, path):
        found.append(path.exists())
        path.mkdir(parents=True)
        (path / "child.json").touch()
        if len(found) == 1:
            raise KeyboardInterrupt
        return subcommand.Usage(3.0, 2.0, 1.0)

    monkeypatch.setattr(compare_search, "_search", search)
    with workdir.WorkDir(tmp_path, {}, independent=True) as owned:
        with pytest.raises(KeyboardInterrupt):
            compare_search._search_once("darts", 0.5, 0, 100, owned)
        assert folder.exists()
        for _ in range(2):
            compare_search._search_once("darts", 0.5, 0, 100, owned)
    assert found == [False, False]
    assert json.loads((folder / "usage.json").read_text())["search_seconds"] == 3.0


def _widths_are_compared(workdir, search, data_dir):
    command = ["forking_commands", "tools.compare_widths", f"--workdir={workdir}"]
    command += [f"--data_dir={data_dir}"]
    done = processes.run(*command)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((workdir / "widths/curve.json").read_text())["networks"]
    assert row["target_latency_ms"] == search["target_latency_ms"]
    assert row["searched_accuracies"] == search["test_accuracies"]
    assert row["searched_latency_ms"] == search["measured_latency_ms"]
    measured: dict[bool, dict[str, float]] = {False: {}, True: {}}
    for line in (workdir / "widths/measurements.jsonl").read_text().splitlines():
        found = json.loads(line)
        measured["_v3_" in found["label"]][found["label"]] = found["relative_latency"]
    # The width whose measured latency is nearest to the target.
    aimed = row["target_latency_ms"]
    for design, of in (("width", measured[False]), ("v3", measured[True])):
        nearest = min(of.values(), key=lambda relative: abs(relative - aimed))
        assert row[f"{design}_latency_ms"] == pytest.approx(nearest) or design == "v3"
        assert len(row[f"{design}_accuracies"]) == 2
        assert all(0.05 < accuracy <= 1.0 for accuracy in row[f"{design}_accuracies"])
    assert matplotlib.image.imread(workdir / "widths/curve.png").shape[0] > 300
    again = processes.run(*command)
    assert again.returncode == 0, again.stderr
    assert again.stdout[again.stdout.index("Searched networks against") :] in done.stdout
    (workdir / "comparison.json").unlink()
    refused = processes.run(*command)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
