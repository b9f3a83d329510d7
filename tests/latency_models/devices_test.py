import json

import pytest

import latency_models
from latency_models import block_benchmarks, parts
from latency_models.devices import protocol
from nas import spaces


@pytest.fixture(scope="module")
def models():
    child = spaces.SPACES["tiny"].child([1, 1, 1])
    return {
        recipe: block_benchmarks.convert(parts.stem_part(child), recipe)
        for recipe in ("float32", "int8")
    }


def test_a_session_times_every_model(models):
    device = latency_models.device("local", 1)
    with device.session(models, 0.01) as session:
        assert all(session.sample_ms(recipe) > 0 for recipe in models)


def test_a_sample_repeats_a_quick_model_long_enough(models, monkeypatch):
    counts = []
    from latency_models.devices import local

    invoke_ms = local._invoke_ms
    monkeypatch.setattr(
        local, "_invoke_ms", lambda runner, n: counts.append(n) or invoke_ms(runner, n)
    )
    with latency_models.device("local").session(models, 5.0) as session:
        session.sample_ms("float32")
    # This stem takes microseconds; even on a busy machine 5 ms hold more than one invocation.
    assert counts[-1] > 1


def test_the_environment_says_what_latency_depends_on():
    environment = latency_models.device("local", 2).environment()
    assert tuple(environment) == protocol.ENVIRONMENT_KEYS
    assert environment["device"] == "local"
    assert environment["num_threads"] == 2
    assert environment["soc"]
    assert json.loads(json.dumps(environment)) == environment


def test_unknown_devices_are_refused_with_the_known_ones():
    for name in ("phone", "local:0", "adb:", ""):
        with pytest.raises(ValueError, match="expected local, adb or adb:SERIAL, received"):
            latency_models.device(name)


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="num_threads: expected at least 1, received 0"):
        latency_models.device("local", 0)


def test_a_damaged_model_is_refused(models):
    with (
        pytest.raises(ValueError, match="tflite"),
        latency_models.device("local").session({"bad": b"nothing"}, 1.0),
    ):
        pass
