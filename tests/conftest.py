"""What tests of several packages share."""

import os
import subprocess
import sys

# Before TensorFlow is imported: oneDNN's kernels round differently from process to process, and
# many tests compare bits. `end_to_end_test.py` runs with them, as users do.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import pathlib

import pytest

from nas import data_sources

TESTDATA = pathlib.Path(__file__).parent / "testdata"


@pytest.fixture(scope="session")
def environment():
    """Gives the Python of an environment of its own, by its name; makes it where it is missing."""
    script = pathlib.Path(__file__).parent / "environments" / "make.sh"

    def make(name):
        done = subprocess.run(
            ["bash", str(script), name],
            env={**os.environ, "PYTHON": sys.executable},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return make


@pytest.fixture(scope="session")
def fashion_data_dir(tmp_path_factory):
    """A TFDS folder with `fashion_mnist`: 1000 training and 300 test images, balanced."""
    data_dir = str(tmp_path_factory.mktemp("tfds"))
    data_sources.write_fashion_mnist(TESTDATA / "fashion_mnist", data_dir)
    return data_dir
