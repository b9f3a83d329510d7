"""Two processes on this machine as two hosts: they agree, and survive the loss of one of them."""

import dataclasses
import json
import os
import signal
import socket
import time

import numpy as np
import processes
import pytest

from nas import files
from nas.architecture import spaces, spec_json

LIMIT_SECONDS = 300.0
# What the tools set before they import TensorFlow, which a forked process has imported.
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Hosts:
    """The same command as two hosts of one cluster; `outputs` are files of what they print.

    The host of number `fresh` is a new Python process; others are forked.
    """

    def __init__(self, path, commands, fresh=None):
        addresses = [f"localhost:{port}" for port in free_ports(2)]
        self.outputs = [path.with_name(f"{path.name}.host{i}.txt") for i in (0, 1)]
        self.processes = []
        for i, command in enumerate(commands):
            task = {"type": "worker", "index": i}
            config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            with self.outputs[i].open("w") as out:
                start, given = processes.start, ENVIRONMENT
                if i == fresh:
                    start, given = processes.start_fresh, os.environ
                process = start(*command, output=out, env={**given, "TF_CONFIG": config})
            self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                process.wait(LIMIT_SECONDS)

    def wait_for(self, path):
        deadline = time.monotonic() + LIMIT_SECONDS
        while not path.exists():
            assert all(process.poll() is None for process in self.processes), self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def wait(self, number):
        return self.processes[number].wait(LIMIT_SECONDS)

    def said(self):
        return [output.read_text() for output in self.outputs]


def variables(path):
    with np.load(path / "variables.npz") as stored:
        return [stored[str(i)] for i in range(len(stored.files))]


@pytest.fixture(scope="module")
def runs(fashion_data_dir, tmp_path_factory):
    """A search and a training on two hosts, and the same on one device."""
    path = tmp_path_factory.mktemp("runs")
    command = ["replicated_runs", "multiworker", fashion_data_dir, str(path)]
    with Hosts(path, [command] * 2) as hosts:
        assert [hosts.wait(i) for i in (0, 1)] == [0, 0], hosts.said()
    one = "replicated_runs", "one", fashion_data_dir, str(path)
    done = processes.run(*one, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("kind", ["search", "train"])
def test_hosts_are_equal_to_the_bit(runs, kind):
    one, other = (variables(runs / name / kind) for name in ("host0", "host1"))
    for value, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(value, same)


@pytest.mark.parametrize("kind", ["search", "train"])
def test_hosts_do_what_one_device_does(runs, kind):
    one, two = (variables(runs / name / kind) for name in ("one", "host0"))
    for alone, value in zip(one, two, strict=True):
        np.testing.assert_allclose(value[0], alone[0], rtol=1e-4, atol=2e-5)
    rows = (
        [json.loads(line) for line in (runs / name / kind / "metrics.jsonl").open()]
        for name in ("one", "host0")
    )
    for expected, row in zip(*rows, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)


def test_only_the_first_host_writes(runs):
    kept = {path.name for path in (runs / "host0/search").iterdir()}
    assert kept == {"alphas.npz", "checkpoints", "child.keras", "metrics.jsonl", "variables.npz"}
    for kind in ("search", "train"):
        assert [path.name for path in (runs / "host1" / kind).iterdir()] == ["variables.npz"]


@pytest.fixture(scope="module")
def search(fashion_data_dir, tmp_path_factory):
    """Starts tools.search on two hosts."""
    # One slot, since each host traces its step.
    tiny = spaces.SPACES["tiny"]
    layers = (*tiny.child([0] * len(tiny.slots)).layers[:-1], tiny.layers[-1])
    file = tmp_path_factory.mktemp("space") / "small.json"
    files.write_json(file, spec_json.to_dict(dataclasses.replace(tiny, layers=layers)))

    def start(path, *flags_of_second, fresh=None):
        command = ["tools.search", f"--space={file}", "--dataset=fashion_mnist"]
        command += [f"--data_dir={fashion_data_dir}", "--max_train_examples=120"]
        command += ["--validation_size=40", "--batch_size=20", "--epochs=2", "--warmup_epochs=1"]
        command += ["--distribute=multiworker", f"--workdir={path}"]
        return Hosts(path, [command, [*command, *flags_of_second]], fresh)

    return start


@pytest.fixture(scope="module")
def whole(search, tmp_path_factory):
    """A search on two hosts that nobody disturbed."""
    path = tmp_path_factory.mktemp("whole") / "w"
    with search(path) as hosts:
        assert [hosts.wait(i) for i in (0, 1)] == [0, 0], hosts.said()
        assert not errors("".join(hosts.said()))
    return path


def result(path):
    child = json.loads((path / "child.json").read_text())
    del child["provenance"]
    with np.load(path / "search/alphas.npz") as stored:
        alphas = stored["alphas"].tobytes()
    return child, (path / "search/metrics.jsonl").read_text(), alphas


def errors(text):
    return [line for line in text.splitlines() if "rror" in line or "Traceback" in line]


def test_a_killed_host_ends_the_other_and_the_same_command_goes_on(search, whole, tmp_path):
    path = tmp_path / "killed"
    # Each host once, at the end of the warm-up and of the epoch after it.
    for killed, checkpoint in enumerate(("ckpt-6", "ckpt-12")):
        # One that survives is started as a user does, so that it keeps TensorFlow quiet by itself.
        with search(path, fresh=None if killed else 1) as hosts:
            hosts.wait_for(path / f"search/checkpoints/{checkpoint}.index")
            os.kill(hosts.processes[killed].pid, signal.SIGKILL)
            # Its heartbeats are missed after some ten seconds.
            assert hosts.processes[1 - killed].wait(120) == 1
            (line,) = errors(hosts.said()[1 - killed])
        assert line.startswith("error: another of the 2 hosts ended or cannot be reached (")
        assert line.endswith("resumes after the last finished epoch")
    with search(path) as hosts:
        assert [hosts.wait(i) for i in (0, 1)] == [0, 0], hosts.said()
        assert "starting over" not in hosts.said()[0]
        assert hosts.said()[1].endswith("done on this host; the first host has the results\n")
    assert result(path) == result(whole)


def test_hosts_with_different_flags_are_refused(search, tmp_path):
    with search(tmp_path / "w", "--arch_period=3") as hosts:
        assert [hosts.wait(i) for i in (0, 1)] == [1, 1]
        for text in hosts.said():
            (line,) = errors(text)
            assert "settings: expected the same on all 2 hosts, received different ones" in line
