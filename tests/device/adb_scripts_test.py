"""The shell scripts for people, on a test phone."""

import os
import pathlib
import subprocess

import pytest

from latency_models import block_benchmarks, parts
from latency_models.devices import benchmark_output, phone_state
from nas import spaces

pytestmark = pytest.mark.integration
SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "adb"


def run(phone, name, *arguments):
    return subprocess.run(
        [SCRIPTS / name, *map(str, arguments)],
        env={**os.environ, "ANDROID_SERIAL": phone.serial},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_model_is_timed_by_hand(phone, program, tmp_path):
    model = tmp_path / "my model.tflite"
    child = spaces.SPACES["tiny"].child([0, 0, 0])
    model.write_bytes(block_benchmarks.convert(parts.stem_part(child), "float32"))
    done = run(phone, "benchmark.sh", model, program, "--num_runs=7", "--min_secs=0")
    assert done.returncode == 0, done.stderr
    assert benchmark_output.parse(done.stdout + done.stderr).count == 7
    assert phone.files() == []
    done = run(phone, "benchmark.sh", model, program, "--flag=it's; exit 3")
    assert "WARN: Unconsumed cmdline flags: --flag=it's; exit 3" in done.stderr
    done = run(phone, "benchmark.sh", "none.tflite", program)
    assert (done.returncode, done.stderr.split(":")[0]) == (2, "usage")


def test_the_fastest_cores_are_those_the_benchmark_takes(phone):
    cores = phone_state.parse_cores(phone.shell(phone_state.CORES_SCRIPT))
    chosen = phone_state.big_cores(cores, 1)
    done = run(phone, "big_cores.sh")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (phone_state.mask(chosen) if chosen else "")


def test_the_phone_is_described(phone):
    done = run(phone, "phone.sh")
    assert done.returncode == 0, done.stderr
    for words in (
        "ro.product.model           Phone 15555",
        "kHz at most, schedutil",
        "thermal status: 0 (0: nothing is throttled)",
        "cpu1 47.25 C",
    ):
        assert words in done.stdout
    assert "99.0" not in done.stdout


def test_what_was_left_is_tidied_up(phone):
    phone.shell(
        "cd /data/local/tmp; mkdir proxylessnas; echo 4 >proxylessnas/stay_on_before;"
        "settings put global stay_on_while_plugged_in 15"
    )
    done = run(phone, "tidy.sh")
    assert done.returncode == 0, done.stderr
    assert phone.files() == []
    assert "cmd power set-fixed-performance-mode-enabled false" in phone.calls()
    assert phone.shell("settings get global stay_on_while_plugged_in").strip() == "4"
    phone.shell("settings delete global stay_on_while_plugged_in")
