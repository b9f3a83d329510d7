import json

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf

from nas.distribution import hosts, replicas, tf_config
from nas.training import checkpoints

TWO_HOSTS = ("a:1", "b:1")

# Tracing for two devices takes a while on a busy machine.
pytestmark = pytest.mark.timeout(600)


def replicated_runs(kind, data_dir, path):
    """Runs `replicated_runs.py`; returns its output."""
    done = processes.run("replicated_runs", kind, data_dir, str(path))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def runs(fashion_data_dir, tmp_path_factory):
    """The same search and training on one device, and on two with and without synchronization."""
    path = tmp_path_factory.mktemp("runs")
    replicated_runs("devices", fashion_data_dir, path)
    return path


def variables(path):
    with np.load(path / "variables.npz") as stored:
        return [stored[str(i)] for i in range(len(stored.files))]


def metrics(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["search", "widths", "train"])
@pytest.mark.parametrize("name", ["together", "apart"])
def test_replicas_stay_equal_to_the_bit(runs, name, kind):
    for value in variables(runs / name / kind):
        assert len(value) == 2
        np.testing.assert_array_equal(value[0], value[1])


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["search", "widths", "train"])
def test_synchronized_replicas_do_what_one_device_does(runs, kind):
    one, two = (variables(runs / name / kind) for name in ("one", "together"))
    for alone, copies in zip(one, two, strict=True):
        np.testing.assert_allclose(copies[0], alone[0], rtol=1e-4, atol=2e-5)
    for row, expected in zip(
        metrics(runs / "together" / kind), metrics(runs / "one" / kind), strict=True
    ):
        # Multiply-accumulates are large numbers, so their error is a relative one.
        relative = 2e-5 if kind == "widths" else 1e-12
        assert row == pytest.approx(expected, rel=relative, abs=1e-5)


@pytest.mark.integration
def test_the_search_that_is_compared_changed_everything(runs):
    rows = metrics(runs / "one" / "search")
    assert "validation_loss" not in rows[0] and rows[2]["validation_loss"] > 0
    assert abs(rows[2]["expected_latency_ms"] - rows[0]["expected_latency_ms"]) > 0.01


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["search", "widths", "train"])
def test_replicas_apart_normalize_by_their_own_images(runs, kind):
    one, two = (variables(runs / name / kind) for name in ("one", "apart"))
    assert max(np.max(np.abs(c[0] - a[0])) for a, c in zip(one, two, strict=True)) > 1e-3
    settings = json.loads((runs / "apart" / kind / "checkpoints/run.json").read_text())["settings"]
    assert settings["batch_norm_images"] == settings["batch_size"] // 2


@pytest.mark.integration
@pytest.mark.parametrize("name", ["one", "together"])
def test_what_the_number_of_replicas_does_not_change_is_no_setting(runs, name):
    identity = json.loads((runs / name / "search/checkpoints/run.json").read_text())
    assert "batch_norm_images" not in identity["settings"]


@pytest.mark.integration
def test_float16_and_a_stop_in_the_midst_of_an_epoch_on_two_devices(fashion_data_dir, tmp_path):
    """Replicas agree on the scale and on overflows. A resumed run gives the same result."""
    assert "stopped" in replicated_runs("half", fashion_data_dir, tmp_path)
    for name in ("whole", "part", "train"):
        for value in variables(tmp_path / name):
            assert len(value) == 2 and np.isfinite(value).all()
            np.testing.assert_array_equal(value[0], value[1])
    for whole, part in zip(
        variables(tmp_path / "whole"), variables(tmp_path / "part"), strict=True
    ):
        np.testing.assert_array_equal(whole, part)
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "part")
    scales = [row["loss_scale"] for row in metrics(tmp_path / "whole")]
    # It starts too large, so steps are left out until it fits. Then it grows again.
    assert min(scales) < scales[0] < 2.0**40 and scales[-1] > min(scales)


def test_one_replica_adds_nothing():
    found = hosts.Distribution()
    assert (found.num_replicas, found.num_hosts, found.is_chief) == (1, 1, True)
    assert found.settings(7) == {}
    found.check_batch_size(7)
    found.check_agreement("nothing", {})
    assert found.from_chief(3) == 3
    values = [tf.constant(1.0)]
    assert replicas.mean(values) is values
    variable = keras.Variable(1.0)
    assert replicas.local(variable) is variable.value


def test_mirrored_with_one_device_says_so():
    lines = []
    found = hosts.start("mirrored", report=lines.append)
    assert found.num_replicas == 1
    assert lines == ["1 device, so one replica"]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="distribute: expected one of none, mirrored, multiworker"):
        hosts.start("parameter_server")


def test_a_batch_that_cannot_be_shared_is_refused():
    found = hosts.Distribution()
    found.num_replicas = 3
    found.check_batch_size(9)
    with pytest.raises(ValueError, match="expected a multiple of 3, the number of replicas"):
        found.check_batch_size(10)


@pytest.mark.parametrize(
    "error", [tf.errors.UnavailableError, tf.errors.CancelledError, tf.errors.DeadlineExceededError]
)
def test_the_loss_of_a_host_is_told_in_one_line(error):
    two = hosts.Distribution(hosts=tf_config.Cluster(TWO_HOSTS, 0))
    message = "Graph error:\n\nCollective ops is aborted by: Socket closed\nand more\n"
    with pytest.raises(ConnectionError) as raised, two.watch():
        raise error(None, None, message)
    text = str(raised.value)
    assert text.startswith("another of the 2 hosts ended or cannot be reached (")
    assert "Socket closed); start the same command on every host again" in text
    assert "\n" not in text


def test_other_errors_stay_what_they_are():
    two = hosts.Distribution(hosts=tf_config.Cluster(TWO_HOSTS, 0))
    with pytest.raises(tf.errors.ResourceExhaustedError), two.watch():
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
    with pytest.raises(tf.errors.UnavailableError), hosts.Distribution().watch():
        raise tf.errors.UnavailableError(None, None, "not a host")


def test_hosts_other_than_the_chief_write_nothing(tmp_path):
    other = hosts.Distribution(hosts=tf_config.Cluster(TWO_HOSTS, 1))
    assert not other.is_chief
    state = checkpoints.RunState(tmp_path / "run", {"x": tf.Variable(0.0)}, distribution=other)
    assert state.restore() == 0
    state.on_epoch_end(0, {"loss": 1.0})
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="training diverged"):
        state.on_epoch_end(1, {"loss": float("nan")})
