"""Benchmarks of a space on test phones: several at once, interrupted, and what becomes of them."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import phones
import processes
import pytest

from latency_models.devices import DeviceError
from latency_models.devices.android.adb import AdbDevice
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.measuring import block_benchmarks, measurements, parts, timing
from nas import files
from nas.architecture import spec_json
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.progress import untracked

pytestmark = pytest.mark.integration

QUICK = ["--num_runs=3", "--warmup_runs=1", "--max_run_seconds=2", "--adb_timeout_seconds=5"]

# Four networks of four parts: as few as a latency model takes, since every sample is a process.
SMALL = SearchSpace(
    name="small",
    resolution=8,
    num_classes=3,
    stem=Stem(8),
    layers=tuple(
        Slot(input_width=8, output_width=8, candidates=(MBConv(3, expansion), Skip()))
        for expansion in (1, 2)
    ),
    head=Head(16),
)
NUM_ROWS = 4 + 4


def tool(name, *arguments):
    return [sys.executable, "-m", f"tools.{name}", *map(str, arguments)]


def run(name, *arguments):
    return processes.run(f"tools.{name}", *map(str, arguments))


def test_a_space_on_two_phones_at_once_becomes_two_latency_models(two_phones, program, tmp_path):
    serials = [phone.serial for phone in two_phones]
    space = tmp_path / "small.json"
    files.write_json(space, spec_json.to_dict(SMALL))
    done = run(
        "benchmark", f"--space={space}", "--networks=4", "--rounds=2", "--num_threads=2",
        f"--device={','.join(f'adb:{serial}' for serial in serials)}", *QUICK,
        f"--benchmark_model={program}", f"--output={tmp_path}/rows.jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for phone, serial in zip(two_phones, serials, strict=True):
        assert f"adb:{serial}  small, float32, adb:{serial}, 2 thread(s):" in done.stdout
        path = tmp_path / f"rows_{serial.replace(':', '_')}.jsonl"
        rows = measurements.read(path)
        assert len(rows) == NUM_ROWS
        assert {row.environment["device"] for row in rows} == {f"adb:{serial}"}
        assert {row.environment["os_build"] for row in rows} == {
            f"test/phone/{serial.partition(':')[2]}:14/stand-in"
        }
        assert all(row.conditions["thermal_status"] == [0, 0] for row in rows)
        assert phone.files() == []

    model = tmp_path / "latency_model.json"
    done = run("fit_latency", f"--measurements={path}", f"--output={model}", f"--space={space}")
    assert done.returncode == 0, done.stderr
    data = json.loads(model.read_text())
    assert (data["device"], data["num_threads"], data["delegate"]) == (
        f"adb:{serials[1]}",
        2,
        "none",
    )
    for wrong in ("--delegate=gpu",):
        done = run(
            "search", f"--space={space}", f"--latency_model={model}", "--target_latency=0.5",
            f"--workdir={tmp_path}/search", wrong,
        )  # fmt: skip
        assert done.returncode == 1
        name = wrong.removeprefix("--").partition("=")[0]
        assert f"measured with {name} {data[name]}, received {name}" in done.stderr


def benchmark(phone, program, path, progress=untracked):
    settings = PhoneSettings(
        str(program), num_runs=3, warmup_runs=1, max_run_seconds=1.0, timeout_seconds=2.0
    )
    device = AdbDevice(phone.serial, 1, settings)
    plan = timing.Plan(rounds=2, min_rounds=2, min_sample_ms=1.0, references=1, models_at_once=3)
    return block_benchmarks.benchmark_space(
        SMALL, "float32", device, path, networks=4, plan=plan, progress=progress
    )


class After:
    """A `Track` that does something in the second group's first round."""

    def __init__(self, action):
        self.action = action
        self.groups = 0

    def __call__(self, iterable, total, label):
        self.groups += label == "timing"
        for i, item in enumerate(iterable):
            if (label, self.groups, i) == ("timing", 2, 0):
                self.action()
            yield item


def test_a_benchmark_goes_on_where_its_phone_was_lost(phone, program, tmp_path):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(
        DeviceError, match=f"adb:{phone.serial}: .*the next benchmark on the phone restores it"
    ):
        benchmark(phone, program, path, After(phone.stop))
    kept = measurements.read(path)
    assert len(kept) == 3
    phone.start()
    rows = benchmark(phone, program, path)
    assert [row for row in rows if row.key in {row.key for row in kept}] == [
        row for row in rows if row in kept
    ]
    assert measurements.read(path)[:3] == kept
    assert len(measurements.read(path)) == len(rows) == NUM_ROWS
    assert benchmark(phone, program, path) == rows
    # The same phone after an update is another environment: nothing of before counts.
    elsewhere = {**rows[0].environment, "os_build": "15"}
    assert not dataclasses.replace(rows[0], environment=elsewhere).is_for(
        "float32", rows[0].environment
    )
    assert phone.files() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_or_killed_command_leaves_nothing_for_long(number, phone, program, tmp_path):
    path = tmp_path / "stem.tflite"
    path.write_bytes(block_benchmarks.write(parts.stem_part(SMALL.child([0, 0])), "float32"))
    phone.write("setting_stay_on_while_plugged_in", "2")
    command = tool(
        "benchmark", f"--models={path}", "--device=adb:" + phone.serial, *QUICK,
        f"--benchmark_model={program}", f"--output={tmp_path}/rows.jsonl",
    )  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    phones.wait_until(lambda: phone.processes("benchmark_model"), 60.0)
    time.sleep(0.3)
    running.send_signal(number)
    stderr = running.communicate(timeout=30)[1]
    if number == signal.SIGINT:
        assert running.returncode == 130, stderr
        assert "stopped; run the same command again to resume" in stderr
    else:
        assert phone.files() != []
        done = run("benchmark", *command[3:], "--rounds=2")
        assert done.returncode == 0, done.stderr
        assert "stem.tflite" in done.stdout
    assert phone.files() == []
    assert phone.shell("settings get global stay_on_while_plugged_in").strip() == "2"
    phone.shell("settings delete global stay_on_while_plugged_in")
