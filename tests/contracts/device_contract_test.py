"""Tests that every kind of device must pass; only local devices run here."""

import json

import pytest

import latency_models
from latency_models.devices import protocol
from latency_models.measuring import block_benchmarks, parts
from nas.architecture import spaces

# One device for every form of name. The test fails for a new form without an example.
EXAMPLES = {
    "local": "local",
}
# Phones are tested in tests/device, which needs additional programs.
ELSEWHERE = {"adb", "adb:SERIAL"}


def test_every_form_of_name_has_an_example():
    assert set(latency_models.DEVICES) == set(EXAMPLES) | ELSEWHERE


@pytest.fixture(scope="module", params=EXAMPLES.values())
def device(request):
    return latency_models.device(request.param, 1)


@pytest.fixture(scope="module")
def models():
    child = spaces.SPACES["tiny"].child([1, 1, 1])
    return {
        recipe: block_benchmarks.write(parts.stem_part(child), recipe)
        for recipe in ("float32", "int8")
    }


def test_its_name_leads_to_it_again(device):
    assert latency_models.device(device.name, 1).name == device.name


def test_a_session_times_every_model_in_any_order(device, models):
    with device.session(models, 0.01) as session:
        assert all(session.sample_ms(recipe) > 0.0 for recipe in [*models, *reversed(models)])
        assert json.loads(json.dumps(session.conditions())) == session.conditions()


def test_one_session_follows_another(device, models):
    for _ in range(2):
        with device.session(models, 0.01) as session:
            assert session.sample_ms("int8") > 0.0


def test_the_environment_says_what_latency_depends_on(device):
    environment = device.environment()
    assert tuple(environment) == protocol.ENVIRONMENT_KEYS
    assert environment["device"] == device.name
    assert environment["num_threads"] == device.num_threads == 1
    assert environment["runtime"]
    assert json.loads(json.dumps(environment)) == environment
    assert device.environment() == environment


def test_the_number_of_threads_is_part_of_it(device):
    assert latency_models.device(device.name, 2).environment()["num_threads"] == 2


def test_no_threads_are_refused(device):
    with pytest.raises(ValueError, match="num_threads: expected at least 1, received 0"):
        latency_models.device(device.name, 0)


def test_a_damaged_model_is_refused(device):
    with (
        pytest.raises(ValueError, match="tflite"),
        device.session({"bad": b"nothing"}, 1.0) as session,
    ):
        session.sample_ms("bad")
