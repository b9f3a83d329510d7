import signal
import subprocess
import sys
import time

import pytest

from tools.workflow import several_phones

# Stands in for a tool: prints its flags and fails on the device called `bad`.
TOOL = [
    sys.executable,
    "-c",
    "import sys; print(*sys.argv[1:]); print('warning', file=sys.stderr);"
    "sys.exit('--device=adb:bad' in sys.argv)",
]


def test_every_phone_has_its_own_file():
    assert several_phones.output_for("a/rows.jsonl", "adb:A1") == "a/rows_A1.jsonl"
    assert several_phones.output_for("rows.jsonl", "adb:host:5") == "rows_host_5.jsonl"
    assert several_phones.output_for("rows.jsonl", "local") == "rows_local.jsonl"


def test_what_each_says_is_passed_on_under_its_name(capfd):
    several_phones.run([*TOOL, "--rounds=2"], ["adb:A", "local"], "rows.jsonl")
    said = capfd.readouterr()
    assert sorted(said.out.splitlines()) == [
        "adb:A  --rounds=2 --device=adb:A --output=rows_A.jsonl",
        "local  --rounds=2 --device=local --output=rows_local.jsonl",
    ]
    assert sorted(said.err.splitlines()) == ["adb:A  warning", "local  warning"]


def test_one_that_fails_does_not_stop_the_others(capfd):
    with pytest.raises(
        ValueError, match="1 of 2 devices failed: adb:bad; the measurements so far are k"
    ):
        several_phones.run(TOOL, ["adb:bad", "adb:good"], "rows.jsonl")
    assert "adb:good  --device=adb:good" in capfd.readouterr().out


@pytest.mark.parametrize("devices", [["adb:A", "adb:A"], ["adb:A", ""]])
def test_devices_must_differ(devices):
    with pytest.raises(ValueError, match="expected different devices, received adb:A,"):
        several_phones.run(TOOL, devices, "rows.jsonl")


def test_a_stop_reaches_each_once_and_waits_for_it(tmp_path):
    tool = tmp_path / "tool.py"
    tool.write_text(
        "import pathlib, signal, sys, time\n"
        "mark = pathlib.Path(sys.argv[-1].partition('=')[2])\n"
        "def stop(*_):\n"
        "    time.sleep(0.3)\n"
        "    with mark.open('a') as file:\n"
        "        file.write('tidy ')\n"
        "    sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "signal.signal(signal.SIGINT, stop)\n"
        "mark.write_text('up ')\n"
        "time.sleep(60)\n"
    )
    code = (
        "import signal, sys\n"
        "from tools.workflow import several_phones\n"
        # A shell starts what runs in its background with Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"several_phones.run([sys.executable, {str(tool)!r}], ['adb:A', 'adb:B'],"
        f" {str(tmp_path / 'rows')!r})"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    marks = [tmp_path / "rows_A", tmp_path / "rows_B"]
    limit = time.monotonic() + 60.0
    while not all(mark.exists() and mark.read_text() for mark in marks):
        assert time.monotonic() < limit
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert [mark.read_text() for mark in marks] == ["up tidy ", "up tidy "]
