"""Further training that is stopped: nothing is left running, and nobody sees a traceback."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# What a tool does: `tools` keeps TensorFlow quiet, in the process that trains further too, which
# imports this file.
ENDLESS = """
import sys

import tools
from export.fine_tuning import jobs, process
from nas.architecture import spaces
from nas.data import batching, loading
from nas.layers import keras_network


def track(steps, total, label):
    print("started", flush=True)
    for step in steps:
        print("step", flush=True)
        yield step


if __name__ == "__main__":
    dataset = loading.load("fashion_mnist", sys.argv[1], validation_size=100)
    network = spaces.SPACES["tiny"].with_task(10, 28, 1).child([1, 1, 1])
    model = keras_network.build_child(network)
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    settings = jobs.Settings(epochs=100_000, batch_size=50)
    images = batching.calibration_images(dataset.test, 10)
    job = jobs.Job("pruning", network, weights, dataset.train, images, settings)
    try:
        process.run(job, track)
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.fixture(params=["started", "step"])
def training(request, fashion_data_dir, tmp_path):
    """A process that trains further in another one, which still imports or is at work."""
    script = tmp_path / "training.py"
    script.write_text(ENDLESS)
    process = subprocess.Popen(
        [sys.executable, str(script), fashion_data_dir],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while (line := process.stdout.readline().strip()) != request.param:
        assert line or process.poll() is None, process.stderr.read()
    yield process
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@pytest.mark.parametrize("training", ["started"], indirect=True)
def test_a_process_of_further_training_never_receives_ctrl_c(training):
    # The first one that a program starts too, whose helper processes are started with it.
    children = pathlib.Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text()
    assert children
    for child in children.split():
        masks = dict(
            line.split(":\t")
            for line in pathlib.Path(f"/proc/{child}/status").read_text().splitlines()
        )
        deferred = int(masks["SigBlk"], 16) | int(masks["SigIgn"], 16)
        assert deferred & 1 << signal.SIGINT - 1, child


def test_ctrl_c_ends_both_processes_without_a_word(training):
    # A terminal sends it to all.
    os.killpg(training.pid, signal.SIGINT)
    # Ends when nobody holds the pipes any more.
    printed, errors = training.communicate()
    assert printed.split()[-1] == "stopped"
    assert errors == ""


def test_training_ends_with_a_parent_that_was_killed(training):
    training.kill()
    _, errors = training.communicate()
    assert errors == ""
