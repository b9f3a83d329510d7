"""A search that is killed after its supernet was trained, or between networks, goes on."""

import json
import os
import signal
import time

import numpy as np
import processes
import pytest

LIMIT_SECONDS = 240.0

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def rounds(path):
    """How many rounds of judged networks the work dir holds."""
    file = path / "search/networks.json"
    return json.loads(file.read_text())["rounds"] if file.exists() else 0


@pytest.fixture
def search(fashion_data_dir):
    """Runs `tools.search` on a work dir, and kills it where so many rounds are finished."""

    def run(algorithm, path, kill_after=None):
        command = ["tools.search", f"--algorithm={algorithm}"]
        command += ["--space=tiny", "--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
        command += ["--epochs=2", "--warmup_epochs=1", "--batch_size=50"]
        evolution = ["--evolution_population=2", "--evolution_generations=5"]
        command += ["--random_networks=3"] if algorithm == "random" else evolution
        command += [f"--workdir={path}"]
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
        if not kill_after:
            done = processes.run(*command, env=environment)
            return done.returncode, done.stdout + done.stderr
        said = path.with_suffix(".out")
        with said.open("w") as out:
            process = processes.start(*command, output=out, env=environment)
        deadline = time.monotonic() + LIMIT_SECONDS
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if rounds(path) >= kill_after:
                    break
                time.sleep(0.005)
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait(LIMIT_SECONDS)
        return process.returncode, said.read_text()

    return run


@pytest.mark.parametrize(
    ("algorithm", "last_of_two"),
    [("one_shot_single_path", "generation 2/5: "), ("random", "network 2 of 3: ")],
)
def test_a_killed_search_goes_on_to_the_same_child(algorithm, last_of_two, search, tmp_path):
    code, said = search(algorithm, tmp_path / "whole")
    assert code == 0, said
    assert last_of_two in said
    code, said = search(algorithm, tmp_path / "killed", kill_after=2)
    assert code == -signal.SIGKILL, said
    assert 2 <= rounds(tmp_path / "killed") < rounds(tmp_path / "whole")
    code, said = search(algorithm, tmp_path / "killed")
    assert code == 0 and "starting over" not in said, said
    # What was finished was not done again.
    assert last_of_two not in said
    found = []
    for name in ("whole", "killed"):
        path = tmp_path / name
        child = json.loads((path / "child.json").read_text())
        del child["provenance"]
        with np.load(path / "search/alphas.npz") as stored:
            alphas = stored["alphas"].tobytes()
        networks = json.loads((path / "search/networks.json").read_text())["networks"]
        found.append((child, (path / "search/metrics.jsonl").read_text(), alphas, networks))
    assert found[0] == found[1]
