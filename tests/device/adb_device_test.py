"""The adb device against Google's own daemon: what works, and what goes wrong."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading

import phones
import pytest

from latency_models.devices import DeviceError, ModelError
from latency_models.devices.android import adb_client, adb_session
from latency_models.devices.android.adb import AdbDevice
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.measuring import block_benchmarks, parts, timing
from nas.architecture import spaces

pytestmark = pytest.mark.integration

QUICK = {"num_runs": 3, "warmup_runs": 1, "max_run_seconds": 2.0, "timeout_seconds": 3.0}
PLAN = timing.Plan(rounds=2, min_rounds=2, min_sample_ms=1.0, references=1)


@pytest.fixture(scope="module")
def model():
    child = spaces.SPACES["tiny"].child([1, 1, 1])
    return block_benchmarks.write(parts.stem_part(child), "float32")


def device(phone, program, num_threads=1, **changes):
    settings = PhoneSettings(benchmark_model=str(program), **{**QUICK, **changes})
    return AdbDevice(phone.serial if phone else None, num_threads, settings)


def tidy(phone):
    assert phone.files() == []
    phones.wait_until(lambda: not phone.processes("benchmark_model"))


@pytest.mark.parametrize("kind", ["tflite", "litert"])
def test_a_model_runs_and_the_phone_is_left_as_it_was(kind, phone, phone_root, model, tmp_path):
    program = phones.stand_in(tmp_path / "benchmark_model", phone_root, kind)
    phone.write("setting_stay_on_while_plugged_in", "3")
    with device(phone, program).session({"stem": model, "again": model}, 1.0) as session:
        assert session.sample_ms("stem") > 0.0
        files = [path for path in phone.files() if "model_" in path]
        assert len(files) == 2  # The program, and one file for two models of equal content.
        assert "15" in phone.shell("settings get global stay_on_while_plugged_in")
        conditions = session.conditions()
    assert conditions["program"] == kind
    assert conditions["thermal_status"] == [0, 0]
    assert conditions["temperatures_c"][1] == {"cpu": 47.25, "skin": 31.0}
    calls = phone.calls()
    assert calls.count("cmd power set-fixed-performance-mode-enabled true") == 1
    assert calls.count("cmd power set-fixed-performance-mode-enabled false") == 1
    assert phone.shell("settings get global stay_on_while_plugged_in").strip() == "3"
    phone.shell("settings delete global stay_on_while_plugged_in")
    tidy(phone)


def test_the_environment_is_the_phones_own(phone, program):
    environment = device(phone, program, num_threads=1).environment()
    assert environment["device"] == f"adb:{phone.serial}"
    assert environment["model"] == f"Test Phone {phone.port}"
    assert environment["os"] == "Android 14 (API 34)"
    assert environment["runtime"].startswith("benchmark_model ")
    assert environment["governor"] == "schedutil"
    cores = os.cpu_count()
    assert environment["affinity"] == (list(range(cores // 2, cores)) if cores > 1 else None)
    assert device(phone, program, cpu_mask="1").environment()["affinity"] == [0]
    assert device(phone, program, cpu_mask="none").environment()["affinity"] is None


def test_runs_are_pinned_and_threads_passed_on(phone, phone_root, model, tmp_path):
    before = 'case "$*" in *--graph*) echo "$(taskset -p $$) $*" >/data/shims/run ;; esac'
    program = phones.stand_in(tmp_path / "benchmark_model", phone_root, before=before)
    with device(phone, program, num_threads=2, cpu_mask="1").session({"m": model}, 1.0) as session:
        session.sample_ms("m")
    seen = phone.shell("cat /data/shims/run")
    assert "mask: 1 " in seen.replace("\n", " ").replace("mask:1", "mask: 1 ")
    assert "--num_threads=2 --warmup_runs=1 --warmup_min_secs=0.001 --num_runs=3" in seen


def test_words_reach_the_phone_as_they_are(phone):
    adb = adb_client.Adb(phone.serial, timeout_seconds=5.0)
    for word in ("a b", "$(reboot)", "'; rm -rf /data/local/tmp #", 'x"y', "*", "", "ä", "a\nb"):
        assert adb.check_shell(adb_client.quoted("printf", "%s", word)) == word
    output = adb.shell("echo out; echo err >&2; exit 7")
    assert (output.status, output.stdout, output.stderr) == (7, "out\n", "err\n")


def test_several_phones_need_a_name(two_phones, program):
    expected = rf"expected one phone, received 2 \({two_phones[0].serial}, "
    with pytest.raises(DeviceError, match=expected):
        device(None, program).environment()


def test_a_phone_that_is_not_there(two_phones, program):
    absent = AdbDevice("localhost:15599", 1, PhoneSettings(str(program), **QUICK))
    # adb ends with 0 here.
    with pytest.raises(
        DeviceError, match=r"adb:localhost:15599: adb connect failed; Conn.* adb tcpip"
    ):
        absent.environment()
    unplugged = AdbDevice("0123456789", 1, PhoneSettings(str(program), **QUICK))
    with pytest.raises(DeviceError, match="adb:0123456789: expected among the phones adb lists, r"):
        unplugged.environment()


def test_a_phone_that_goes_in_the_middle_of_a_run(phone, phone_root, program, model, tmp_path):
    slow = phones.stand_in(tmp_path / "benchmark_model", phone_root, before=SLOW_RUN)
    with pytest.raises(DeviceError, match=r"lost in the middle of: .*could not be restored"):
        with device(phone, slow).session({"m": model}, 1.0) as session:
            threading.Timer(0.5, phone.stop).start()
            session.sample_ms("m")
    phone.start()
    with device(phone, program).session({"m": model}, 1.0) as session:
        assert session.sample_ms("m") > 0.0
    tidy(phone)


# Waits where a model would run, after `--help` was answered. In place of the shell: a run that is
# killed must leave no child that goes on. And with the program's path in its command line, by which
# a session finds the runs to end: the shell around it may be killed before it can pass a signal on.
SLOW_RUN = 'case "$*" in *--graph*) exec tail -n 0 -f "$0" >/dev/null ;; esac'


def test_a_frozen_phone_costs_a_timeout_a_call(phone, program, model):
    frozen = device(phone, program, timeout_seconds=1.0, max_run_seconds=0.5)
    # A run may load its model for three timeouts, and take twice its longest time.
    gone = r"no answer for 4 s to: shell .*could not be restored"
    with contextlib.ExitStack() as thaw, pytest.raises(DeviceError, match=gone):
        with frozen.session({"m": model}, 1.0) as session:
            thaw.enter_context(phone.frozen())
            session.sample_ms("m")
    with phone.frozen():
        with pytest.raises(DeviceError, match="no answer for 1 s"):
            device(phone, program, timeout_seconds=1.0).environment()
    with device(phone, program).session({"m": model}, 1.0) as session:
        session.sample_ms("m")
    tidy(phone)


def test_a_killed_client(phone, phone_root, model, tmp_path):
    slow = phones.stand_in(tmp_path / "benchmark_model", phone_root, before=SLOW_RUN)

    def kill_client():
        phones.wait_until(lambda: phone.processes("tail -n 0"))
        clients = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-x", "adb"], capture_output=True, text=True
        )
        for pid in clients.stdout.split():
            if b"num_runs" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)

    killer = threading.Thread(target=kill_client)
    with pytest.raises(DeviceError, match=r"lost in the middle of: taskset .* ended with -9"):
        with device(phone, slow).session({"m": model}, 1.0) as session:
            killer.start()
            session.sample_ms("m")
    killer.join()
    phones.wait_until(lambda: not phone.processes("tail -n 0"))
    tidy(phone)


def test_a_folder_that_cannot_be_made(phone, program, model):
    adb = adb_client.Adb(phone.serial, timeout_seconds=5.0)
    with pytest.raises(DeviceError, match="could not write /nowhere/file"):
        adb.push(__file__, "/nowhere/file")
    phone.shell(f"echo >{adb_session.FOLDER}")
    with pytest.raises(DeviceError, match=r"mkdir -p \S+ failed .*File exists"):
        with device(phone, program).session({"m": model}, 1.0):
            pass
    tidy(phone)


def test_a_full_phone(phone, program, model):
    phone.shell("mount -o remount,size=200k /data")
    try:
        with pytest.raises(DeviceError, match="No space left.*make room on the phone"):
            with device(phone, program).session({"big": b"x" * 400_000, "m": model}, 1.0):
                pass
    finally:
        phone.shell("mount -o remount,size=50% /data")
    tidy(phone)


def test_what_another_benchmark_left_behind_is_used_and_removed(phone, program, model):
    left = device(phone, program).session({"m": model}, 1.0)
    session = left.__enter__()
    whole, torn = sorted(path for path in phone.files() if "model_" in path)
    # As after SIGKILL: the lock is gone, the files and the setting are not.
    phone.shell(f"cp -rp {adb_session.FOLDER} /data/local/kept")
    left.__exit__(None, None, None)
    del session
    phone.shell(
        f"mv /data/local/kept {adb_session.FOLDER}; echo torn >{torn};"
        "settings put global stay_on_while_plugged_in 15"
    )
    before = phone.shell(f"stat -c %i {whole}")
    with device(phone, program).session({"m": model}, 1.0) as session:
        assert phone.shell(f"stat -c %i {whole}") == before
        assert session.sample_ms("m") > 0.0
    assert phone.shell("settings get global stay_on_while_plugged_in").strip() == "null"
    tidy(phone)


def test_one_benchmark_a_phone(phone, program, model):
    with device(phone, program).session({"m": model}, 1.0) as session:
        with pytest.raises(DeviceError, match="another benchmark is running on it"):
            with device(phone, program).session({"m": model}, 1.0):
                pass
        assert session.sample_ms("m") > 0.0


def test_a_run_that_warms_the_phone_is_thrown_away(phone, program, model):
    # Before the first run, after it, while cooling, and from then on.
    phone.write("thermal_statuses", "0\n2\n1\n0")
    settings = {"cooling_seconds": 30.0}
    with device(phone, program, **settings).session({"m": model}, 1.0) as session:
        assert session.sample_ms("m") > 0.0
        assert session.conditions()["discarded_samples"] == 1
    phone.write("thermal_statuses", "3")
    with pytest.raises(DeviceError, match="expected thermal status 0, received 3 for 0.1 s"):
        with device(phone, program, cooling_seconds=0.1).session({"m": model}, 1.0) as session:
            session.sample_ms("m")
    phone.write("thermal_statuses", "0")
    tidy(phone)


def test_a_program_for_another_processor(phone, model, tmp_path):
    other = tmp_path / "benchmark_model"
    other.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
    with pytest.raises(DeviceError, match=r"does not run on the phone .*use the one built for x"):
        with device(phone, other).session({"m": model}, 1.0):
            pass
    tidy(phone)


def test_a_damaged_model(phone, program, model):
    with pytest.raises(DeviceError, match="m: benchmark_model: exit 1: .*Failed to load model"):
        with device(phone, program).session({"m": model[: len(model) // 2]}, 1.0) as session:
            session.sample_ms("m")
    tidy(phone)


@pytest.mark.parametrize(
    ("kind", "before", "words"),
    [
        ("tflite", "", "expected the gpu delegate to run the model, but the CPU did"),
        ("tflite", "export STAND_IN_DELEGATED=partially", "Disallowed CPU fallback detected"),
        ("litert", "", "Failed to compile"),
    ],
)
def test_a_delegate_that_the_phone_lacks(kind, before, words, phone, phone_root, model, tmp_path):
    program = phones.stand_in(tmp_path / "benchmark_model", phone_root, kind, before)
    with pytest.raises(ModelError, match=words):
        with device(phone, program, delegate="gpu").session({"m": model}, 1.0) as session:
            session.sample_ms("m")
    tidy(phone)


def test_an_accelerator_by_options_on_a_phone_that_refuses_settings_and_has_no_sha256sum(
    phone, phone_root, model, tmp_path
):
    before = "export STAND_IN_DELEGATED=completely"
    program = phones.stand_in(tmp_path / "benchmark_model", phone_root, before=before)
    phone.write("refuses_settings", "")
    phone.write("no_sha256sum", "")
    accelerated = device(phone, program, benchmark_args="--use_hexagon=true")
    assert accelerated.environment()["benchmark_args"] == "--use_hexagon=true"
    with accelerated.session({"m": model}, 1.0) as session:
        assert session.sample_ms("m") > 0.0
        (caution,) = session.conditions()["cautions"]
    assert "java.lang.SecurityException: Permission denial: writing to settings" in caution
    phone.shell("rm /data/shims/refuses_settings /data/shims/no_sha256sum")
    tidy(phone)


def test_a_core_that_is_offline(phone, program):
    last = f"/sys/devices/system/cpu/cpu{os.cpu_count() - 1}"
    phone.shell(f"mv {last}/cpufreq /data/cpufreq; echo 0 >{last}/online")
    try:
        with pytest.raises(DeviceError, match="are offline and do not tell it; .*--cpu_mask="):
            device(phone, program).environment()
    finally:
        phone.shell(f"mv /data/cpufreq {last}/cpufreq; rm {last}/online")


def test_a_phone_that_is_restarted_between_two_runs(phone, program, model):
    with pytest.raises(DeviceError, match="the phone was restarted in the middle.* to resume$"):
        with device(phone, program).session({"m": model}, 1.0) as session:
            assert session.sample_ms("m") > 0.0
            phone.stop()
            phone.start()
            session.sample_ms("m")
    tidy(phone)
