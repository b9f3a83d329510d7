"""Sessions on phones that are not as they should be, with a stub of adb."""

import logging

import fake_phone
import pytest

from latency_models.devices import DeviceError, ModelError
from latency_models.devices.android import adb_client
from latency_models.devices.android.adb import AdbDevice
from latency_models.devices.android.phone_settings import PhoneSettings
from latency_models.devices.protocol import REFERENCE

REFUSED = """
Exception occurred while executing 'put':
java.lang.SecurityException: Permission denial: writing to settings requires:android.permission.W
\tat com.android.providers.settings.SettingsProvider.enforceWritePermission(SettingsProvider.java)
\tat android.os.Binder.execTransact(Binder.java:1115)
"""
CAUSE = "java.lang.SecurityException: Permission denial: writing to settings requires:"
APPLIED = "INFO: Explicitly applied {} delegate, and the model graph will be {} executed by the"
MODELS = {"m": b"model", REFERENCE: b"reference"}


@pytest.fixture
def phone(tmp_path):
    return fake_phone.FakePhone(tmp_path / "phone")


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO, "latency_models")
    return caplog


def device(phone, program=None, num_threads=1, **changes):
    settings = {"timeout_seconds": 20.0, "cooling_seconds": 30.0, **changes}
    program = program or phone.program()
    return AdbDevice("A1", num_threads, PhoneSettings(str(program), adb=phone.adb, **settings))


def sample(phone, program=None, key="m", **changes):
    """Takes a sample; returns its milliseconds and the conditions of the session."""
    with device(phone, program, **changes).session(MODELS, 1.0) as session:
        return session.sample_ms(key), session.conditions()


def failure(phone, program=None, error=DeviceError, **changes):
    with pytest.raises(error) as caught:
        sample(phone, program, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def output_with(line):
    text = fake_phone.TFLITE.read_text("utf-8")
    return text.replace(
        "INFO: The input model file", f"{line} delegate.\nINFO: The input model file"
    )


def test_a_usual_phone_has_no_cautions_and_is_left_as_it_was(phone, told):
    latency_ms, conditions = sample(phone)
    assert latency_ms == pytest.approx(116.066)
    assert conditions["cautions"] == []
    assert conditions["fixed_performance"]
    assert phone.left() == []
    assert phone.lines("calls")[-2:] == [
        "settings delete global stay_on_while_plugged_in",
        "cmd power set-fixed-performance-mode-enabled false",
    ]
    assert told.records == []


@pytest.mark.parametrize("status", [255, 0])
def test_a_setting_that_the_phone_refuses_is_a_caution_with_the_exceptions_line(
    status, phone, told
):
    phone.write("trace", REFUSED)
    phone.command(
        "settings", 'echo "settings $*" >>{root}/calls',
        f"case $1 in get) echo 3 ;; *) cat {{root}}/trace >&2; exit {status} ;; esac",
    )  # fmt: skip
    latency_ms, conditions = sample(phone)
    assert latency_ms > 0.0
    (caution,) = conditions["cautions"]
    assert CAUSE in caution and "at android.os" not in caution
    assert "'USB debugging (Security settings)'" in caution
    assert [record.getMessage() for record in told.records] == [f"adb:A1: {caution}"]
    # What was not changed is not changed back, and nothing is said to be left.
    assert not any("delete" in line or "put global" in line for line in phone.lines("calls")[3:])
    assert phone.left() == []


def test_other_optional_steps_and_what_cannot_be_undone_are_cautions_too(phone):
    phone.command("cmd", "echo 'No shell command implementation.' >&2", "exit 255")
    phone.command("input", f"echo '{CAUSE} INJECT_EVENTS' >&2", "exit 255")
    phone.command(
        "settings",
        "case $1 in get) cat {root}/setting 2>/dev/null || echo 1 ;;",
        "  put) [ ! -f {root}/setting ] || exit 255; echo $4 >{root}/setting ;; esac",
    )
    opened = device(phone)
    with opened.session(MODELS, 1.0) as session:
        session.sample_ms("m")
        conditions = session.conditions()
    assert not conditions["fixed_performance"]
    clocks, awake = conditions["cautions"]
    assert "fixed performance mode is not available (No shell command implementation.)" in clocks
    assert "INJECT_EVENTS" in awake
    assert session.conditions()["cautions"][2:] == [
        "not undone on the phone: the screen stays on while it charges (stay_on_while_plugged_in "
        "was 1)"
    ]
    assert phone.left() == []


@pytest.mark.parametrize("change", ["set-fixed-performance-mode-enabled true", "settings put"])
def test_ctrl_c_while_the_phone_makes_a_change_leaves_it_as_it_was(change, phone, monkeypatch):
    phone.write("setting", "3\n")
    shell, stopped = adb_client.Adb.shell, []

    def stop_after(self, script, *rest, **options):
        output = shell(self, script, *rest, **options)
        if change in script and not stopped:
            stopped.append(script)
            raise KeyboardInterrupt
        return output

    monkeypatch.setattr(adb_client.Adb, "shell", stop_after)
    with pytest.raises(KeyboardInterrupt):
        sample(phone)
    assert stopped and (phone.root / "setting").read_text() == "3\n"
    assert phone.lines("calls")[-1] == "cmd power set-fixed-performance-mode-enabled false"
    assert phone.left() == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [(["sha256sum"], []), (["sha256sum", "sha1sum", "md5sum"], ["only sizes of files were"])],
)
def test_another_checksum_is_taken_where_one_is_missing(missing, said, phone):
    for name in missing:
        phone.command(name, f"echo 'sh: {name}: not found' >&2", "exit 127")
    cautions = sample(phone)[1]["cautions"]
    assert len(cautions) == len(said)
    assert all(words in caution for words, caution in zip(said, cautions, strict=True))


def test_an_offline_core_that_shares_a_clock_changes_nothing_but_a_caution(phone):
    before = device(phone).environment()
    assert before["affinity"] == [2, 3]
    folder = phone.root / "sys/system/cpu"
    (folder / "cpu3/cpufreq/cpuinfo_max_freq").unlink()
    phone.write("sys/system/cpu/cpu2/cpufreq/related_cpus", "2 3\n")
    expected = ["cores 3, to which runs are pinned among others, are offline"]
    phone.write("sys/system/cpu/online", "0-2\n")
    assert device(phone).environment() == before
    assert sample(phone)[1]["cautions"] == expected
    (folder / "online").unlink()
    phone.write("sys/system/cpu/cpu3/online", "0\n")
    phone.write("sys/system/cpu/cpu2/online", "1\n")
    assert sample(phone)[1]["cautions"] == expected


def test_an_offline_core_that_tells_no_speed_is_refused_with_cores_to_choose(phone):
    (phone.root / "sys/system/cpu/cpu3/cpufreq/cpuinfo_max_freq").unlink()
    phone.write("sys/system/cpu/cpu3/online", "0\n")
    words = "cores 3 are offline and do not tell it; charge the phone, leave power saving"
    for use in (lambda: device(phone).environment(), lambda: sample(phone)):
        with pytest.raises(DeviceError, match=f"{words}.*: --cpu_mask=4$"):
            use()
    assert device(phone, cpu_mask="4").environment()["affinity"] == [2]


def test_cores_that_cannot_be_read_or_pinned_to_are_said(phone):
    phone.command(
        "taskset", 'echo "taskset: failed to set pid 0\'s affinity: Invalid" >&2', "exit 1"
    )
    said = failure(phone)
    assert (
        "expected to pin runs to cores 2, 3, but taskset c failed (exit 1): taskset: failed" in said
    )
    assert "--cpu_mask (none: any)" in said
    for path in (phone.root / "sys").rglob("cpuinfo_max_freq"):
        path.unlink()
    assert device(phone).environment()["affinity"] is None
    (caution,) = sample(phone)[1]["cautions"]
    assert "does not tell the speed of its cores, so that runs are not pinned" in caution


def test_a_phone_without_taskset_is_measured_on_any_cores_not_told_to_charge(phone):
    phone.command("taskset", "echo 'sh: taskset: not found' >&2", "exit 127")
    said = failure(phone)
    assert "cannot pin programs to cores: let them run on any (--cpu_mask=none)" in said
    assert "offline" not in said
    assert sample(phone, cpu_mask="none")[0] > 0.0


def test_a_board_without_the_input_command_is_not_told_of_makers_settings(phone):
    phone.command("input", "echo 'sh: input: not found' >&2", "exit 127")
    (caution,) = sample(phone)[1]["cautions"]
    assert caution.endswith("keep it on by hand, since a dark phone is slower")


def test_warnings_before_the_value_of_a_setting_are_no_refusal(phone):
    phone.write("setting", "3\n")
    phone.command(
        "settings",
        "case $1 in get) echo 'WARNING: linker: unused'; cat {root}/setting ;;",
        '  put) echo "$4" >{root}/setting; echo "$4" >>{root}/puts ;; esac',
    )
    assert sample(phone)[1]["cautions"] == []
    assert phone.lines("puts") == ["15", "3"]


@pytest.mark.parametrize("when", ["between", "in the middle of a run"])
def test_a_phone_that_was_restarted_is_said_to_be(when, phone):
    restart = f"echo second >{phone.root}/proc/sys/kernel/random/boot_id; "
    before = f"{restart} exit 137" if when != "between" else restart
    said = failure(phone, phone.program(before=before))
    assert said.startswith("adb:A1: the phone was restarted in the middle")
    assert said.endswith("then run the same command again to resume")
    assert phone.left() == []


def test_files_that_are_gone_are_not_the_models_fault(phone):
    said = failure(phone, phone.program(before='rm -rf "${0%/*}"; exit 1'))
    assert "the program on the phone was removed in the middle" in said


def test_a_thermal_service_that_goes_away_stands_in_the_row(phone):
    gone = phone.root / "gone"
    phone.command("dumpsys", f"[ -f {gone} ] || echo 'Thermal Status: 0'")
    conditions = sample(phone, phone.program(before=f"touch {gone}"))[1]
    assert conditions["thermal_status"] == [0, None]
    (caution,) = conditions["cautions"]
    assert "stopped telling its thermal status" in caution
    assert "tells no thermal status" in sample(phone)[1]["cautions"][0]


def test_waiting_says_that_it_waits_and_why(phone, told):
    phone.command(
        "dumpsys", "n=$(cat {root}/n 2>/dev/null || echo 0); echo $((n + 1)) >{root}/n",
        "[ $n = 0 ] && echo 'Thermal Status: 2' || echo 'Thermal Status: 0'",
    )  # fmt: skip
    sample(phone, cooling_seconds=0.2)
    (record,) = told.records
    assert record.getMessage() == (
        "adb:A1: waiting for the phone to cool down (thermal status 2, expected 0; 0 of at most "
        "0.2 s)"
    )


@pytest.mark.parametrize(
    "usage", ["--use_gpu=false --use_xnnpack=1", "--require_full_delegation=0"]
)
def test_a_model_that_a_delegate_runs_in_part_is_refused_by_name(usage, phone):
    usage = f"--use_xnnpack=1 {usage}"
    program = phone.program(output_with(APPLIED.format("GPU", "partially")), usage)
    said = failure(phone, program, ModelError, delegate="gpu")
    assert (
        "m: benchmark_model: expected the gpu delegate to run the model, but the CPU ran it in"
        in said
    )
    assert ("--require_full_delegation=true" in phone.lines("runs")[0]) == ("full" in usage)


def test_the_programs_own_reason_is_kept(phone):
    text = (
        "ERROR: Following operations are not supported by GPU delegate:\n"
        "RESIZE_BILINEAR: Operation is not supported.\n"
        "ERROR: Disallowed CPU fallback detected.\nERROR: Benchmarking failed.\n"
    )
    program = phone.program(text, before=f"cat {phone.root}/output; exit 1")
    said = failure(phone, program, ModelError, delegate="gpu")
    assert (
        "exit 1: Following operations are not supported by GPU delegate: | RESIZE_BILINEAR: "
        in said
    )
    assert "Disallowed CPU fallback detected." in said


@pytest.mark.parametrize(
    ("prints", "status", "words"),
    [
        (
            'CANNOT LINK EXECUTABLE "x": library "libvndksupport.so" not found',
            1,
            "lacks a library that the program is linked to",
        ),
        ("sh: can't execute: Permission denied", 126, "does not let programs run in /data/local"),
        ("not executable: 64-bit ELF file", 126, "use the one built for arm64-v8a"),
        ("", 132, "built for newer processors"),
        ('CANNOT LINK EXECUTABLE: "x" is 32-bit instead of 64-bit', 1, "; use the one built for"),
        ('error: "x" has unexpected e_machine: 62', 1, "; use the one built for arm64-v8a"),
        ("Usage: toybox [--long | --help | --version]", 0, "it is another program: use TensorFlow"),
        ("", 139, "it starts and crashes: use TensorFlow's prebuilt program for arm64-v8a"),
    ],
)
def test_a_program_that_does_not_start_is_explained(prints, status, words, phone):
    phone.command("getprop", "echo arm64-v8a")
    program = phone.program()
    phone.write("output", prints + "\n")
    program.write_text(f"#!/bin/sh\ncat {phone.root}/output >&2\nexit {status}\n")
    said = failure(phone, program)
    assert "does not run on the phone" in said and words in said


def test_a_crash_is_called_one(phone):
    said = failure(phone, phone.program(before="exit 139"), ModelError)
    assert said.endswith("benchmark_model: exit 139: Segmentation fault")


def test_threads_that_litert_may_ignore_are_said(phone):
    program = phone.program(usage="--use_npu=false --use_gpu=false")
    (caution,) = sample(phone, program, num_threads=4)[1]["cautions"]
    assert "LiteRT's benchmark_model ignores num_threads=4 in older builds" in caution
    assert sample(phone, program)[1]["cautions"] == []


def test_a_default_delegate_that_was_not_applied_is_no_fault_but_said(phone):
    line = (
        "ERROR: Failed to apply the default TensorFlow Lite delegate indexed at 0 because of "
        "incompatibility between runtime and delegate. Ignoring the error, and continuing anyway."
    )
    (caution,) = sample(phone, phone.program(output_with(line)))[1]["cautions"]
    assert "ran without its default kernels" in caution and "continuing anyway" in caution


def test_options_pass_through_and_stand_in_the_environment(phone):
    options = "--use_hexagon=true --hexagon_lib_path=/data/local/tmp/my libs"
    quoted = "--use_hexagon=true '--hexagon_lib_path=/data/local/tmp/my libs'"
    program = phone.program(output_with(APPLIED.format("Hexagon", "completely")))
    with pytest.raises(ValueError, match="received 'libs'; quote values that contain spaces"):
        device(phone, program, benchmark_args=options)
    opened = device(phone, program, benchmark_args=quoted)
    assert opened.environment()["benchmark_args"] == (
        "'--hexagon_lib_path=/data/local/tmp/my libs' --use_hexagon=true"
    )
    assert "benchmark_args" not in device(phone, program).environment()
    with opened.session(MODELS, 1.0) as session:
        session.sample_ms("m")
        assert session.conditions()["cautions"] == []
    assert "my libs --use_hexagon=true" in phone.lines("runs")[0]


def test_an_accelerator_that_was_asked_for_must_run_the_model_but_not_the_reference(phone):
    program = phone.program()
    said = failure(phone, program, ModelError, benchmark_args="--use_hexagon=true")
    assert "expected the accelerator of --benchmark_args to run the model, but the CPU did" in said
    # The reference is float32, which many accelerators do not take.
    assert sample(phone, program, REFERENCE, benchmark_args="--use_hexagon=true")[0] > 0.0
    refuses = phone.program(before='case "$*" in *hexagon*) echo "ERROR: No float"; exit 1 ;; esac')
    (caution,) = sample(phone, refuses, REFERENCE, benchmark_args="--use_hexagon=true")[1][
        "cautions"
    ]
    assert "the reference network runs on the CPU" in caution and "No float" in caution


def test_an_option_that_the_program_does_not_know_ends_the_session(phone):
    program = phone.program("WARN: Unconsumed cmdline flags: --use_magic=true\n")
    with pytest.raises(
        DeviceError, match="--use_magic=true; this build does not know the"
    ) as error:
        sample(phone, program, benchmark_args="--use_magic=true")
    assert not isinstance(error.value, ModelError)
