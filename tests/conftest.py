"""Fixtures and settings that tests of several packages share."""

import gc
import os
import subprocess
import sys

# This must be set before TensorFlow is imported. Results of oneDNN may differ in their last bits
# from process to process, and many tests compare bits. `end_to_end_test.py` runs with oneDNN, as
# users do.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import pathlib

import hypothesis
import pytest

from nas.data import sources

# No test measures time, and an example may take long on a busy machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Python looks for garbage after every 700 new objects. Tracing makes millions that stay, and a
# fifth of the CPU of the tests went into looking at them.
gc.set_threshold(20_000)

TESTDATA = pathlib.Path(__file__).parent / "testdata"

# Files that take more than a minute and a half. A worker that got one last would work alone.
LONG = """
    presets_integration_test.py readme_test.py two_hosts_test.py given_network_test.py
    hosts_test.py my_data_test.py kill_resume_test.py extending_test.py compare_search_test.py
    algorithm_contract_test.py
""".split()


def pytest_collection_modifyitems(items):
    """Puts long files first; workers take files in this order (`--no-loadscope-reorder`)."""
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish():
    """Leaves all that imports have made out of the search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def environment():
    """A function that makes a virtual environment, if it is missing, and returns its Python."""
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
    sources.write_fashion_mnist(TESTDATA / "fashion_mnist", data_dir)
    return data_dir


@pytest.fixture(scope="session")
def imagenet_data_dir(tmp_path_factory):
    """A TFDS folder with `imagenet2012`: 4 classes of 12 training images, and 8 test images."""
    import small_imagenet

    data_dir = str(tmp_path_factory.mktemp("imagenet"))
    small_imagenet.prepare(data_dir, small_imagenet.training_pictures())
    return data_dir


@pytest.fixture(scope="session")
def tiny_model_file(tmp_path_factory):
    """A latency model of `tiny` for Fashion-MNIST: one microsecond per 1000 MACs."""
    from latency_models.measuring.parts import space_parts
    from latency_models.models import lookup_table
    from latency_models.models.lookup_table import LookupTable
    from nas.architecture import spaces

    space = spaces.SPACES["tiny"].with_task(10, 28, 1)
    table = LookupTable()
    table.space_, table.recipe_, table.reference_, table.reference_ms_ = "tiny", "int8", "r", 1.0
    table.environment_ = {"device": "local", "runtime": "x", "num_threads": 1, "delegate": None}
    table.context_ = table.fallback_ = table.source_ = None
    table.networks_ = []
    table.evaluation_ = {}
    table.entries_ = {
        part.key: lookup_table.entry_of(part, part.num_macs * 1e-6, None)
        for part in space_parts(space)
    }
    path = tmp_path_factory.mktemp("model") / "latency_model.json"
    table.save(path)
    return path
