"""What this machine does beyond what every device does (tests/contracts)."""

import pytest

import latency_models
from latency_models.devices import local
from latency_models.measuring import block_benchmarks, parts
from nas.architecture import spaces


def test_a_sample_repeats_a_quick_model_long_enough(monkeypatch):
    stem = parts.stem_part(spaces.SPACES["tiny"].child([1, 1, 1]))
    counts = []
    invoke_ms = local._invoke_ms
    monkeypatch.setattr(
        local, "_invoke_ms", lambda runner, n: counts.append(n) or invoke_ms(runner, n)
    )
    models = {"stem": block_benchmarks.write(stem, "float32")}
    with latency_models.device("local").session(models, 5.0) as session:
        session.sample_ms("stem")
    # This stem takes microseconds; even on a busy machine 5 ms hold more than one invocation.
    assert counts[-1] > 1


def test_the_environment_names_the_processor():
    assert latency_models.device("local", 2).environment()["soc"]


def test_unknown_devices_are_refused_with_the_known_ones():
    for name in ("phone", "local:0", "adb:", ""):
        with pytest.raises(ValueError, match="expected local, adb or adb:SERIAL, received"):
            latency_models.device(name)
