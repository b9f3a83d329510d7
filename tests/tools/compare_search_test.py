import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_algorithms_are_compared_in_equal_time_resumably(
    fashion_data_dir, tiny_model_file, tmp_path
):
    command = [sys.executable, "-m", "tools.compare_search", "--space=tiny", "--seeds=0"]
    command += ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}", "--batch_size=32"]
    command += ["--warmup_epochs=1", "--epochs=1", "--max_train_examples=300"]
    command += ["--train_epochs=1", "--validation_size=60", "--search_seconds=100000"]
    command += ["--algorithms=proxyless_gradient,random", f"--latency_model={tiny_model_file}"]
    command += [f"--workdir={tmp_path}/w"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "w/comparison.json").read_text())
    searches = {search["algorithm"]: search for search in found["searches"]}
    assert list(searches) == ["proxyless_gradient", "random"]
    for search in searches.values():
        assert 0.05 < search["test_accuracy"] <= 1.0
        assert search["measured_latency_ms"] > 0 and search["peak_mib"] > 100
        assert np.isfinite(search["predicted_latency_ms"])
    (summary, _) = found["summary"]
    difference = searches["proxyless_gradient"]["test_accuracy"]
    difference -= searches["random"]["test_accuracy"]
    assert summary["gain_over_random"] == [pytest.approx(difference), None]
    # Again: nothing is searched, trained or timed a second time.
    logs = {path: path.stat().st_mtime_ns for path in (tmp_path / "w").rglob("*.log")}
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert logs == {path: path.stat().st_mtime_ns for path in (tmp_path / "w").rglob("*.log")}
    assert again.stdout.endswith(done.stdout[done.stdout.index("Means over") :])
