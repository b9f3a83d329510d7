"""The adb client with stubs of the adb program; tests/device has the real one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latency_models
from latency_models.devices import DeviceError
from latency_models.devices.android import adb_client, remedies
from latency_models.devices.android.adb_client import Listed
from latency_models.devices.android.phone_settings import PhoneSettings


@pytest.fixture()
def stub(tmp_path):
    """Makes a stub of adb from shell lines."""

    def make(*lines):
        path = tmp_path / "adb"
        path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
        path.chmod(0o755)
        return str(path)

    return make


LISTED = """\
* daemon not running; starting now at tcp:5037
* daemon started successfully
List of devices attached
0A1B2C\tdevice
localhost:15555\toffline
emulator-5554\tunauthorized
99\tno permissions (user in plugdev group; are your udev rules wrong?)

"""


def test_the_list_of_phones():
    assert adb_client.parse_devices(LISTED) == [
        Listed("0A1B2C", "device"),
        Listed("localhost:15555", "offline"),
        Listed("emulator-5554", "unauthorized"),
        Listed("99", "no permissions (user in plugdev group; are your udev rules wrong?)"),
    ]


words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)


@given(st.dictionaries(words, st.sampled_from(["device", "offline", "unauthorized", "recovery"])))
def test_any_list_of_phones_is_read_back(phones):
    text = "List of devices attached\n" + "".join(f"{s}\t{state}\n" for s, state in phones.items())
    assert adb_client.parse_devices(text) == [Listed(s, state) for s, state in phones.items()]


@given(st.text())
def test_garbage_is_no_list_of_empty_names(text):
    assert all(phone.serial and phone.state for phone in adb_client.parse_devices(text))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("unauthorized", "received state unauthorized; confirm the dialog on the phone's screen"),
        ("offline", "received state offline; unplug it and plug it in again"),
        ("no permissions (udev)", "give this user access to the USB device"),
        ("no permissions; see [http://developer.android.com/tools/device.html]", "udev rules"),
        ("recovery", "received state recovery; start Android on the phone: adb reboot"),
        ("sideload", "start Android on the phone"),
        ("bootloader", "start Android on the phone"),
    ],
)
def test_a_phone_that_is_not_ready(state, words, stub):
    adb = adb_client.Adb("A1", stub(f"printf 'List of devices attached\\nA1\\t{state}\\n'"))
    with pytest.raises(DeviceError, match="^adb:A1: ") as caught:
        adb.connect()
    assert words in str(caught.value)
    with pytest.raises(DeviceError, match="expected a phone that is ready .*A1 is"):
        adb_client.only_phone(stub(f"printf 'List of devices attached\\nA1\\t{state}\\n'"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("failed to authenticate to 10.0.0.2:5555", "confirm the dialog on the phone's screen"),
        ("failed to connect to '10.0.0.2:5555': Connection refused", "adb tcpip PORT"),
    ],
)
def test_a_phone_on_the_network_that_does_not_let_in(said, words, stub):
    listed = "devices) echo 'List of devices attached' ;;"
    program = stub(f'case $1 in {listed} connect) echo "{said}" ;; esac')
    adb = adb_client.Adb("10.0.0.2:5555", program)
    with pytest.raises(DeviceError, match="adb connect failed") as caught:
        adb.connect()
    assert words in str(caught.value)


def test_a_server_whose_port_is_taken_is_not_said_to_hang(stub):
    said = "error: could not install *smartsocket* listener: Address already in use"
    with pytest.raises(DeviceError, match="end adb's server and start it again") as caught:
        adb_client.Adb("A1", stub(f"echo '{said}' >&2; exit 1")).connect()
    assert said in str(caught.value) and "hangs" not in str(caught.value)


def test_no_phone_at_all(stub, monkeypatch):
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    with pytest.raises(DeviceError, match="adb lists none.*switch USB debugging on"):
        adb_client.only_phone(stub("echo 'List of devices attached'"))


def test_android_serial_chooses(stub, monkeypatch):
    monkeypatch.setenv("ANDROID_SERIAL", "B2")
    assert adb_client.only_phone(stub("exit 1")) == "B2"


def test_no_adb_program():
    with pytest.raises(DeviceError, match="^no/adb: expected the adb program, .*platform-tools"):
        adb_client.Adb("A1", "no/adb").connect()


def test_an_adb_that_hangs(stub):
    adb = adb_client.Adb("A1", stub("exec sleep 60"), timeout_seconds=0.2)
    with pytest.raises(DeviceError, match="adb:A1: no answer for 0.2 s to: push to /data/x; wake"):
        adb.push("file", "/data/x")


def test_a_server_of_adb_that_hangs_is_not_the_phones_fault(stub, monkeypatch):
    monkeypatch.setattr(remedies.platform, "release", lambda: "6.1.0-debian")
    monkeypatch.delenv("WSL_DISTRO_NAME", raising=False)
    hangs = stub("exec sleep 60")
    for call in (
        lambda: adb_client.Adb("A1", hangs, timeout_seconds=0.2).connect(),
        lambda: adb_client.only_phone(hangs, 0.2),
    ):
        with pytest.raises(DeviceError, match="no answer for 0.2 s to: devices; ") as caught:
            call()
        assert "the adb server on this machine hangs" in str(caught.value)
        assert "adb kill-server" in str(caught.value) and "wake" not in str(caught.value)


def test_under_wsl_usb_devices_are_explained(stub, monkeypatch):
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.delenv("WSL_DISTRO_NAME", raising=False)
    monkeypatch.setattr(remedies.platform, "release", lambda: "5.15.90.1-microsoft-standard-WSL2")
    none = stub("echo 'List of devices attached'")
    daemon = stub(
        "echo 'adb: cannot connect to daemon at tcp:172.2.2.2:5037: timed out' >&2; exit 1"
    )
    for program in (none, daemon):
        with pytest.raises(DeviceError, match="WSL 2 sees no USB devices by itself.*usbipd"):
            adb_client.only_phone(program)


def test_two_phones_of_one_serial_number(stub, monkeypatch):
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    twice = stub("printf 'List of devices attached\\nA1\\tdevice\\nA1\\tdevice\\n'")
    for call in (adb_client.Adb("A1", twice).connect, lambda: adb_client.only_phone(twice)):
        with pytest.raises(
            DeviceError, match="adb:A1: expected one phone of this serial number, re"
        ):
            call()


def test_an_adb_that_is_no_program(stub, tmp_path):
    (tmp_path / "text").write_text("words")
    (tmp_path / "binary").write_bytes(b"\x7fELF words")
    (tmp_path / "binary").chmod(0o755)
    for name in ("text", "binary", "."):
        with pytest.raises(DeviceError, match=r"received something that does not run here \("):
            adb_client.Adb("A1", str(tmp_path / name)).connect()
    with pytest.raises(DeviceError, match="expected a list of phones .*, received hello; name And"):
        adb_client.Adb("A1", stub("echo hello")).connect()


@pytest.mark.parametrize(
    ("stderr", "status", "words"),
    [
        ("sh: sha256sum: not found", 127, "this Android has no such command"),
        ("mkdir: '/data/local/tmp/p': Permission denied", 1, "adb's user may not write there"),
        ("Read-only file system", 1, "adb's user may not write there"),
        ("No space left on device", 1, "make room on the phone"),
        ("java.lang.SecurityException: no", 255, "USB debugging (Security settings)"),
    ],
)
def test_what_the_phones_shell_says_is_not_taken_for_words_of_adb(stderr, status, words, stub):
    adb = adb_client.Adb("A1", stub(f'echo "{stderr}" >&2', f"echo; echo exit-status:{status}"))
    with pytest.raises(DeviceError, match=f"exit {status}") as caught:
        adb.check_shell("x")
    assert words in str(caught.value)
    assert "plug it in" not in str(caught.value)


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (
            "adb: error: failed to copy '/x' to '/data/local/tmp/p/m': remote couldn't create "
            "file: Permission denied",
            "adb's user may not write there",
        ),
        ("adb: error: device 'A1' not found", "plug it in, switch USB debugging on"),
        ("adb: error: failed to read copy response: EOF", "run the same command again to resume"),
    ],
)
def test_a_copy_that_fails_is_explained_by_who_refused_it(stderr, words, stub):
    with pytest.raises(DeviceError, match="could not write /data/x") as caught:
        adb_client.Adb("A1", stub(f'echo "{stderr}" >&2', "exit 1")).push("file", "/data/x")
    assert words in str(caught.value)


def test_the_reason_is_the_line_that_says_it():
    trace = "Exception occurred:\njava.lang.IllegalStateException: gone\n\tat a.b.C(D.java:1)\n"
    assert remedies.reason(trace + "\t... 12 more\n") == "java.lang.IllegalStateException: gone"
    assert remedies.reason("* daemon started successfully\nadb: error: closed\n") == (
        "adb: error: closed"
    )
    assert remedies.reason("") == ""


def test_an_exit_code_is_the_commands_own_only_where_the_phone_says_so(stub):
    said = adb_client.Adb("A1", stub("printf 'exit-status:1\\nout\\n\\nexit-status:7\\r\\n'"))
    assert said.shell("x") == adb_client.Output(7, "exit-status:1\nout\n", "")
    lost = adb_client.Adb("A1", stub("printf 'exit-status:0\\nhalf a li'", "exit 255"))
    with pytest.raises(DeviceError, match=r"lost in the middle of: x \(adb ended with 255\)"):
        lost.shell("x")


def test_what_is_passed_on_is_not_read_by_a_shell_here(stub, tmp_path):
    program = stub('for word; do printf "%s\\n" "$word"; done >&2', "echo", "echo exit-status:0")
    serial = f"A1;touch {tmp_path}/made"
    output = adb_client.Adb(serial, program).shell("true")
    assert output.stderr.splitlines()[:3] == ["-s", serial, "shell"]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "benchmark_model: expected the benchmark_model program .*--benchmark_model"),
        ({"benchmark_model": "none"}, "received none; name it"),
        ({"delegate": "tpu"}, "delegate: expected one of none, gpu, nnapi; received 'tpu'"),
        ({"cpu_mask": "big"}, "cpu_mask: expected auto, none, or a hexadecimal mask"),
        ({"num_runs": 0}, "num_runs: expected at least 1"),
        ({"timeout_seconds": 0.0}, "timeout_seconds: expected more than 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_a_phone_is_asked(changes, words):
    with pytest.raises(ValueError, match=words):
        latency_models.device("adb", 1, PhoneSettings(**changes))
