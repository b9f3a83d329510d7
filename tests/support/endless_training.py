"""Trains further without an end, in a process of its own.

    python -m endless_training DATA_DIR

Says `started` before that process has imported anything, `step` after every step, and `stopped`
after Ctrl-C.
"""

import sys

# As a tool does: it keeps TensorFlow quiet, in the process that trains further too, which imports
# this file.
import tools  # noqa: F401
from export.fine_tuning import jobs, process
from nas.architecture import spaces
from nas.data import batching, loading
from nas.layers import keras_network


def track(steps, total, label):
    """Says what happens."""
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
